"""Labelled descriptors for the evaluation of merchant standardisation.

Held out: noise patterns and unseen merchants in here are never consulted when dictionary and rules
are written. Who changes a rule looks at the figures of `python -m benchmarks merchants` and at the
simulator's everyday noise, not at these files.
"""
