"""From received files to typed raw tables: land, check against the contract, conserve, tokenise."""
