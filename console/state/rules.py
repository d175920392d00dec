"""The version of fold and judge, by which a checkpoint of another version is known. Written by `tests.rules_digest`."""

from __future__ import annotations

RULES = "6515a5fcc417e5efd9c7c801074d7e46"
"""Digest of the code that makes a State of events and samples; a test says when it is out of date."""
