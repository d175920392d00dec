"""Every recorded fact. `evidence` holds the plain values a decision carries; `kinds` the events themselves (pydantic).

Importing this package imports nothing.
"""
