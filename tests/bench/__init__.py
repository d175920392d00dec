"""Benchmarks of the product, one folder each; `judge` needs numpy. Nothing of the product imports this room."""
