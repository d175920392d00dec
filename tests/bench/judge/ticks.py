"""Counts of many simulated stages side by side, and what becomes of them when ticks go missing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

TICK_S = 10.0
"""Length of a tick in seconds."""


@dataclass(frozen=True, slots=True)
class Ticks:
    """Errors and requests of both arms, each of shape (ticks, stages), oldest tick first."""

    kc: Array
    nc: Array
    kb: Array
    nb: Array

    @property
    def shape(self) -> tuple[int, int]:
        """How many ticks, how many stages."""
        ticks, stages = self.kc.shape
        return ticks, stages

    @property
    def exposure(self) -> Array:
        """The canary's part of the requests, 0..1; 0 where there were none."""
        both = self.nc + self.nb
        exposure: Array = self.nc / np.where(both > 0, both, 1.0)
        return exposure

    def stages(self, part: slice) -> Ticks:
        """Some of the stages."""
        return Ticks(self.kc[:, part], self.nc[:, part], self.kb[:, part], self.nb[:, part])


def ledger(ticks: Ticks, usable: Mask) -> tuple[Ticks, npt.NDArray[np.intp]]:
    """What an engine that is frozen during unusable ticks gets to see, and at which tick it saw it.

    The usable ticks of each stage move to the front; behind them stand ticks without any request, which change nothing.

    Returns:
        The ticks, and for each of them its place on the clock, of the same shape.
    """
    order = np.argsort(~usable, axis=0, kind="stable")
    there = np.take_along_axis(usable, order, axis=0)
    moved = (
        np.where(there, np.take_along_axis(a, order, axis=0), 0.0) for a in (ticks.kc, ticks.nc, ticks.kb, ticks.nb)
    )
    return Ticks(*moved), order
