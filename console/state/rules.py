"""The version of fold and judge, by which a checkpoint of another version is known. Written by `tests.rules_digest`."""

from __future__ import annotations

RULES = "e99518da2cb8af6be55ff4c984931f00"
"""Digest of the code that makes a State of events and samples; a test says when it is out of date."""
