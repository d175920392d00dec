"""Measure the journal: cost of an append, opening a large journal, detection of edits."""
