"""Benchmarks of the product, one folder each. Needs numpy; nothing of the product imports this room."""
