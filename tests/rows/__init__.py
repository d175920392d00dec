"""Hostile rows of a journal: hand-made, mutated, and inserted behind a real rollout with a correct chain."""
