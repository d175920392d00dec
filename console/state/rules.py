"""The version of fold and judge, by which a checkpoint of another version is known. Written by `tests.rules_digest`."""

from __future__ import annotations

RULES = "286e2404f5c3bb02f38270b4c07a9afd"
"""Digest of the code that makes a State of events and samples; a test says when it is out of date."""
