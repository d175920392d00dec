"""The version of fold and judge, by which a checkpoint of another version is known. Written by `tests.rules_digest`."""

from __future__ import annotations

RULES = "a984879eb5eabccc9d187d1f8299c66c"
"""Digest of the code that makes a State of events and samples; a test says when it is out of date."""
