"""The version of fold and judge, by which a checkpoint of another version is known. Written by `tests.rules_digest`."""

from __future__ import annotations

RULES = "a5e3636012b206a802b2f16ef0e77f2b"
"""Digest of the code that makes a State of events and samples; a test says when it is out of date."""
