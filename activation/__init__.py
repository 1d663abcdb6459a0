"""From a published version to confirmed audiences: plan, gate, approve, send, record, reconcile."""
