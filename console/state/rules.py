"""The version of fold and judge, by which a checkpoint of another version is known. Written by `tests.rules_digest`."""

from __future__ import annotations

RULES = "abff2bed576ca8a45f1ee7e756e4c777"
"""Digest of the code that makes a State of events and samples; a test says when it is out of date."""
