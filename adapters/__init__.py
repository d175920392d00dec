"""The contract of a backend, the adapters that implement it, and their transport. A leaf: no console, no widgets."""
