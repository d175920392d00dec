"""The version of fold and judge, by which a checkpoint of another version is known. Written by `tests.rules_digest`."""

from __future__ import annotations

RULES = "519e2cf1f425d456f05d4d36333f3ea9"
"""Digest of the code that makes a State of events and samples; a test says when it is out of date."""
