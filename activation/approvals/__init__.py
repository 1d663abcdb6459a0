"""Requests and decisions, signed with OpenSSH keys: nobody approves what they made."""
