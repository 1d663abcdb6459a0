"""From an approved plan to recorded outcomes: a batch has a state, never a guess."""
