"""One figure a module, each against a baseline measured in the same run."""
