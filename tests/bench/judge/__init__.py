"""The judge's benchmark: simulated and dirty stages, the peers' rules beside ours, and the goals it is held to.

The verdict rule is written here a second time, vectorised over stages and straight from its formulas, so that the
streaming engine of the product has something to be compared with. Everything is a pure function of the seed.
"""
