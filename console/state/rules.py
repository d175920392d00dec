"""The version of fold and judge, by which a checkpoint of another version is known. Written by `tests.rules_digest`."""

from __future__ import annotations

RULES = "afd60cf0f644a746d0d9ca85901132b8"
"""Digest of the code that makes a State of events and samples; a test says when it is out of date."""
