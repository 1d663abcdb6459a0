"""The work of segment authors: a new segment, and what a change does to audiences."""
