"""State, as plain frozen values: the fold over events, the gates, the decision card. Pure.

Widgets import `values`; the engine folds. Importing this package imports nothing.
"""
