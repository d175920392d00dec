"""The version of fold and judge, by which a checkpoint of another version is known. Written by `tests.rules_digest`."""

from __future__ import annotations

RULES = "fd31a2b90f67c9f2004b4f08fc75368a"
"""Digest of the code that makes a State of events and samples; a test says when it is out of date."""
