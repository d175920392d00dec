"""The version of fold and judge, by which a checkpoint of another version is known. Written by `tests.rules_digest`."""

from __future__ import annotations

RULES = "fa06f0a498c513d29fa97eba71ae8fb4"
"""Digest of the code that makes a State of events and samples; a test says when it is out of date."""
