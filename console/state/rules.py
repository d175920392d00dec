"""The version of fold and judge, by which a checkpoint of another version is known. Written by `tests.rules_digest`."""

from __future__ import annotations

RULES = "456d5ec2d1849ab3f24c66e4a2d0718e"
"""Digest of the code that makes a State of events and samples; a test says when it is out of date."""
