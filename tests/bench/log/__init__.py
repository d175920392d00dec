"""The journal measured: what an append costs, how a large journal opens, and whether edits of it are found."""
