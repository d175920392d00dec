"""The version of fold and judge, by which a checkpoint of another version is known. Written by `tests.rules_digest`."""

from __future__ import annotations

RULES = "4a896c431002c6fe84d3613207822a6f"
"""Digest of the code that makes a State of events and samples; a test says when it is out of date."""
