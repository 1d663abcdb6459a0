"""A HubSpot portal, as the public API reference describes it.

`portal` and the modules that it is made of hold the state; the `*_calls` modules read requests,
enforce the reference and write answers; `routes` says which path reaches which of them.
"""
