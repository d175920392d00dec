"""Verdicts: is the canary worse than the baseline? Pure, standard library only, no clock of its own.

`verdict` holds what a verdict says and `judge`, the one function the rest of the console calls; one file per data shape
holds the rule.
"""
