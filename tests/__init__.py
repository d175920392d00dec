"""The tests: one file per room, one behaviour per test."""
