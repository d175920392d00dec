"""The version of fold and judge, by which a checkpoint of another version is known. Written by `tests.rules_digest`."""

from __future__ import annotations

RULES = "fe358aae96f5e95f17407ff993f8d59e"
"""Digest of the code that makes a State of events and samples; a test says when it is out of date."""
