"""The version of fold and judge, by which a checkpoint of another version is known. Written by `tests.rules_digest`."""

from __future__ import annotations

RULES = "64d803f6554a1e11e2b37ee3d491a733"
"""Digest of the code that makes a State of events and samples; a test says when it is out of date."""
