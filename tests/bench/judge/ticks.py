"""Counts of many simulated stages side by side, and their usable ticks."""

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
        """(ticks, stages)."""
        ticks, stages = self.kc.shape
        return ticks, stages

    @property
    def exposure(self) -> Array:
        """The canary's part of the requests, 0..1; 0 without requests."""
        both = self.nc + self.nb
        exposure: Array = self.nc / np.where(both > 0, both, 1.0)
        return exposure

    def stages(self, part: slice) -> Ticks:
        """The stages in a slice."""
        return Ticks(self.kc[:, part], self.nc[:, part], self.kb[:, part], self.nb[:, part])


def drop_unusable(ticks: Ticks, usable: Mask) -> tuple[Ticks, npt.NDArray[np.intp]]:
    """The usable ticks of each stage, and the clock tick of each.

    The usable ticks move to the front; ticks without requests, which change no evidence, fill the end.

    Returns:
        The ticks, and the clock tick of each, of the same shape.
    """
    order = np.argsort(~usable, axis=0, kind="stable")
    there = np.take_along_axis(usable, order, axis=0)
    moved = (
        np.where(there, np.take_along_axis(a, order, axis=0), 0.0) for a in (ticks.kc, ticks.nc, ticks.kb, ticks.nb)
    )
    return Ticks(*moved), order
