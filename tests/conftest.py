"""What holds for all tests: how long one takes says nothing about it on a busy machine."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("warroom", deadline=None)
settings.load_profile("warroom")
