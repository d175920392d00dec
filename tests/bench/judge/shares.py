"""Shares with their uncertainty, and delays, some of which are infinite."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass

import numpy as np

from tests.bench.judge.ticks import TICK_S, Array, Mask

Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Share:
    """`hits` out of `of`."""

    hits: int
    of: int

    @property
    def part(self) -> float:
        """The share, 0..1."""
        return self.hits / self.of if self.of else math.nan

    @property
    def bounds(self) -> tuple[float, float]:
        """Wilson's 95 % interval (1927), 0..1."""
        if not self.of:
            return 0.0, 1.0
        n, p, z2 = self.of, self.part, Z95**2
        middle = (p + z2 / (2 * n)) / (1 + z2 / n)
        half = Z95 / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
        return max(0.0, middle - half), min(1.0, middle + half)

    def __add__(self, other: Share) -> Share:
        return Share(self.hits + other.hits, self.of + other.of)

    def __str__(self) -> str:
        low, high = self.bounds
        return f"{percent(self.part)} ({percent(low)}-{percent(high)})"


def share(found: Mask) -> Share:
    """Share of stages that are true in `found`, (stages,); at any tick, if (ticks, stages)."""
    ever = found.any(axis=0) if found.ndim == 2 else found
    return Share(int(ever.sum()), int(ever.size))


def percent(part: float) -> str:
    """A share (0..1) in percent, with two or three digits."""
    value = part * 100
    if value != value:
        return "-"
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}" if value >= 0.995 or value == 0 else f"{value:.2f}"


@dataclass(frozen=True, slots=True)
class Delays:
    """Delay per stage in seconds; inf for never."""

    seconds: Array

    @classmethod
    def after(cls, found: Mask, from_tick: int = 0, clock: Array | None = None) -> Delays:
        """Delays of `found`, (ticks, stages), counted from the start of `from_tick`.

        A tick before that is a false alarm and counts as a delay of 0. `clock`: the tick at which each row was seen,
        where ticks are missing.
        """
        place = found.argmax(axis=0)
        at = place if clock is None else clock[place, np.arange(found.shape[1])]
        waited = np.maximum(at + 1.0 - from_tick, 0.0) * TICK_S
        return cls(np.where(found.any(axis=0), waited, np.inf))

    @property
    def median(self) -> float:
        """Median delay in seconds; inf where fewer than half were found."""
        return self.quantile(0.5)

    @property
    def found(self) -> Share:
        """Share of stages with a finite delay."""
        return share(np.isfinite(self.seconds))

    @property
    def median_error(self) -> float:
        """Standard error of the median, seconds; inf near a median of never."""
        return standard_error(self.seconds)

    def quantile(self, q: float) -> float:
        """The smallest delay within which a part `q` of all stages was found, seconds."""
        ordered = np.sort(self.seconds)
        return float(ordered[min(len(ordered) - 1, max(0, math.ceil(q * len(ordered)) - 1))])

    def __str__(self) -> str:
        words = f"{span(self.median)} / {span(self.quantile(0.9))}"
        return words if self.found.part >= 0.995 else f"{words} ({percent(self.found.part)} %)"


def standard_error(values: Array) -> float:
    """Standard error of the median: a quarter of its distribution-free 95 % interval (order statistics)."""
    ordered, n = np.sort(values), len(values)
    if n < 8:
        return math.inf
    half = 0.5 * Z95 * math.sqrt(n)
    low, high = max(0, math.floor(n / 2 - half)), min(n - 1, math.ceil(n / 2 + half))
    return float(ordered[high] - ordered[low]) / (2 * Z95)


def span(seconds: float) -> str:
    """A delay as text: 50 s, 3.2 m, never."""
    if not math.isfinite(seconds):
        return "never"
    if seconds < 1:
        return "< 1 s"
    return (
        f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} m" if seconds < 1200 else f"{seconds / 60:.0f} m"
    )


def seeded_rng(seed: int, *name: object) -> np.random.Generator:
    """A random generator for one cell, independent of the other cells."""
    return np.random.default_rng([seed, zlib.crc32(repr([str(part) for part in name]).encode())])
