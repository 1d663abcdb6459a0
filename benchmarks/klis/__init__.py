"""How right indicators are, against the simulator's hidden truth."""
