"""Tests against real servers; skipped with a message where one is not installed."""
