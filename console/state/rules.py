"""The version of fold and judge, by which a checkpoint of another version is known. Written by `tests.rules_digest`."""

from __future__ import annotations

<<<<<<< HEAD
RULES = "5ccb9a830f61f406268241329f1d8154"
=======
RULES = "5ccb9a830f61f406268241329f1d8154"
>>>>>>> age
"""Digest of the code that makes a State of events and samples; a test says when it is out of date."""
