"""The ground floor: what every room stands on and nothing else.

Errors, settings, durable writes, canonical JSON, strict documents, clocks, secrets by reference,
the operational database and the outbox of the ledger. Knows neither feeds nor destinations.
"""
