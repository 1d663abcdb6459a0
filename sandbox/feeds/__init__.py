"""Alkami's feeds, simulated: members who live, spend and borrow, as their bank would see it.

No public specification of Alkami's formats exists. The files follow the feed contracts of this
repository as documents; no code is shared with the loader that reads them.
"""
