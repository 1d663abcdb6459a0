"""What can be wrong with the way a simulator is started or told to misbehave."""

from __future__ import annotations


class SandboxError(Exception):
    """A simulator cannot do what it was told: a bad option, a locked folder, a dead server."""
