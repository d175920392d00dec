"""Provoke crashes, races and faults; check that nothing is lost, doubled or forged.

`fake_backend` is an HTTP server on loopback that counts writes and misbehaves on request; `adapter` drives it.
`engine_console` opens engines on it, `pty_console` whole programs in a pseudo-terminal. `crash_sweep` kills consoles at
every write and every call, `race` lets many press one key at once, `backend_faults` and `journal_faults` provoke one
fault each on a `fixture`, `pace` slows a case that a stalled machine spoiled, `exits` ends consoles by signals, `speed`
times a key press, `run` makes the tables.
"""
