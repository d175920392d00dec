"""The version of fold and judge, by which a checkpoint of another version is known. Written by `tests.rules_digest`."""

from __future__ import annotations

RULES = "6256cef31b48341e8f65320ef635ba62"
"""Digest of the code that makes a State of events and samples; a test says when it is out of date."""
