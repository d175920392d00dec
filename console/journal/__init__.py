"""The append-only record of rollouts: what the console saw, decided, asked for and got.

`contract` says what a journal is, `sqlite` is the one that ships, `migrations` is its schema. Importing this package
imports nothing.
"""
