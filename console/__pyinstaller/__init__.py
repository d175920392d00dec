"""PyInstaller's hooks for this distribution, named by the entry point `pyinstaller40`. No command imports them.

Other freezers follow the same list: the three packages whole, with their data files, and this distribution's metadata.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

DISTRIBUTION = "rollout-warroom"
ADAPTERS = "warroom.adapters"
"""The entry point group of adapters that other distributions bring."""
PACKAGES = ("console", "widgets", "adapters")


def hook_folders() -> list[str]:
    """The folder with the hook files, for PyInstaller."""
    return [str(Path(__file__).parent)]


def adapter_modules() -> list[str]:
    """The modules of the adapters that other distributions installed here bring."""
    return sorted({point.module for point in entry_points(group=ADAPTERS)})


def adapter_distributions() -> list[str]:
    """The names of these distributions: their metadata carry the entry points, which are looked up at run time."""
    return sorted({point.dist.name for point in entry_points(group=ADAPTERS) if point.dist is not None})
