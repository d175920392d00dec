"""The append-only record of rollouts: what the console saw, decided, asked for and got.

`contract` says what a journal is, `place` where one is. `sqlite` needs nothing else: `migrations` is its schema,
`recording` and `reading` its rows, `file` its modes, `lease`, `presence`, `approvals` and `watch` what several consoles
need. `postgres` is the other. `chain` links the events of both. Importing this package imports nothing.
"""
