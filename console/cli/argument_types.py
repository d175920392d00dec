"""Types of command line arguments. Each returns the value of a text, or raises one plain line."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Subcommands = argparse._SubParsersAction[argparse.ArgumentParser]
    """The parsers of the commands."""

_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0}


def speed(text: str) -> float:
    """Times real time, 0.1 to 100."""
    try:
        factor = float(text)
    except ValueError:
        factor = 0.0
    if not 0.1 <= factor <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0.1 to 100")
    return factor


def stage_count(text: str) -> int:
    """A number of stages, 0 or more."""
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of stages: 0, 1, 2, ..")
    return int(text)


def picture_size(text: str) -> tuple[int, int]:
    """(columns, rows) of `WxH`: 20x5 to 400x200."""
    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit() and 20 <= int(width) <= 400 and 5 <= int(height) <= 200):
        raise argparse.ArgumentTypeError(f"{text!r} is not a size like 80x24")
    return int(width), int(height)


def duration_s(text: str) -> float:
    """Seconds of `30s`, `10m`, `1h` or a bare number."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([smh]?)", text.strip())
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time: 30s, 10m, 1h or a number of seconds")
    return float(match[1]) * _UNITS_S.get(match[2], 1.0)
