"""The version of fold and judge, by which a checkpoint of another version is known. Written by `tests.rules_digest`."""

from __future__ import annotations

<<<<<<< HEAD
RULES = "a1a1191fb9eb687779ff6a87d2b25368"
=======
RULES = "a1a1191fb9eb687779ff6a87d2b25368"
>>>>>>> age
"""Digest of the code that makes a State of events and samples; a test says when it is out of date."""
