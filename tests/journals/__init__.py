"""Journals as past versions wrote them, one entry a line: seq, kind and body. `record` makes the newest."""
