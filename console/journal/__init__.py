"""The append-only record of rollouts: observations, decisions, requests and outcomes.

`contract` defines a journal, `location` names one by path or URL. `sqlite` is the default implementation: `migrations`
is its schema, `recording` and `reading` write and query its rows, `file` checks the file's modes, and `lease`,
`presence`, `approvals` and `watch` serve several consoles. `postgres` is the other implementation. `chain` links the
events of both, `spool` buffers events on disk, `unavailable` stands in for a journal that does not open. Importing
this package imports nothing.
"""
