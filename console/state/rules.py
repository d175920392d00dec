"""The version of fold and judge, by which a checkpoint of another version is known. Written by `tests.rules_digest`."""

from __future__ import annotations

RULES = "3cc2b5e3c9b150ec1604095fb3853cc7"
"""Digest of the code that makes a State of events and samples; a test says when it is out of date."""
