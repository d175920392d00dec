"""The append-only record of rollouts: observations, decisions, requests and outcomes.

`contract` defines a journal, `location` names one by path or URL. `database`, `reading` and `recording` are what the
two implementations share. `sqlite` is the default one: `migrations` is its schema, `file` checks the file's modes, and
`lease`, `presence`, `approvals` and `watch` serve several consoles. `postgres` is the other one. `chain` links the
events of both, `spool` buffers events on disk, `unavailable` stands in for a journal that does not open. Importing
this package imports nothing.
"""
