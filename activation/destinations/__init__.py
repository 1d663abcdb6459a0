"""One module a destination: what it accepts, how rows become bytes, how its answers are read."""
