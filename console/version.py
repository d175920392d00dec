"""The version of the installed distribution."""

from __future__ import annotations


def warroom_version() -> str:
    """Such as "0.1.0"; "0+unknown" when run from a tree that was never installed."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed("rollout-warroom")
    except PackageNotFoundError:
        return "0+unknown"
