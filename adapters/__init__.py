"""HTTP in, nouns out: everything that talks to a backend. A leaf: imports nothing of console or widgets."""
