"""The version of fold and judge, by which a checkpoint of another version is known. Written by `tests.rules_digest`."""

from __future__ import annotations

RULES = "8707a6d58891af4e8a062fe97791c865"
"""Digest of the code that makes a State of events and samples; a test says when it is out of date."""
