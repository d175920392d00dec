"""Benchmarks of the product, run by `python -m tests.bench`; `judge` needs numpy.

One folder per benchmark, `postgres` starts the server that two of them and the live tests use. The product never
imports this package.
"""
