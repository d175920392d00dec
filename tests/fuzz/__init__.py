"""Seeded generators of hostile input, one file per door; a seed makes the same case again."""
