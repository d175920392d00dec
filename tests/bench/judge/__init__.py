"""The judge's benchmark: simulated and dirty stages, the rules of other tools beside ours, and the goals.

The verdict rule is written here a second time, vectorized over stages and straight from its formulas, as a reference
for the product's streaming judge. Every figure except the cost is a pure function of the seed.
"""
