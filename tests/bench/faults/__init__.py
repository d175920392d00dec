"""Crashes, races and faults, provoked and counted: what an operator sees, and that nothing is lost, doubled or forged.

`fake` is a backend over loopback HTTP that counts what reaches it and misbehaves when told; `adapter` drives it; `room`
opens consoles on it. `sweep` kills consoles at every write and every call, `race` has many press the same key at once,
`table` goes through the faults one by one, `speed` times a key press.
"""
