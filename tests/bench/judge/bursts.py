"""Burstiness of errors: phi, the variance of counts over that of independent errors, at least 1."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.bench.judge.ticks import Array, Mask

APART = 12
"""Distance in ticks of two ticks, or two blocks, that are compared."""
BLOCK = 6
"""Ticks in a block."""
PRIOR = 10.0
"""Weight of the value from before the stage, in pairs."""
UNKNOWN = 1.5
"""Burstiness assumed when the hour before has too few errors."""
FEWEST = 12
"""Fewest windows of three neighboring ticks with an error that give a value."""


def phi_before(errors: Array) -> Array:
    """Burstiness of the baseline in the hour before a stage, from errors per tick of shape (ticks, stages).

    The squared second difference of a Poisson series over x[t+1] + 4 x[t] + x[t-1] has mean 1, whatever slow drift the
    rate has. Taken per tick and per minute, the top 2 % dropped; the larger of the two, within 1 and 8.
    """
    ticks, stages = errors.shape
    minutes = errors[: ticks - ticks % 6].reshape(-1, 6, stages).sum(axis=1)
    worst = np.fmax(_roughness(errors) * 0.95, _roughness(minutes) * 0.85)
    phi: Array = np.where(np.isnan(worst), UNKNOWN, np.clip(worst, 1.0, 8.0))
    return phi


def _roughness(x: Array) -> Array:
    second = (x[2:] - 2 * x[1:-1] + x[:-2]) ** 2
    due = x[2:] + 4 * x[1:-1] + x[:-2]
    terms = np.where(due > 0, second / np.where(due > 0, due, 1.0), -1.0)  # -1: no errors, no information
    terms = np.sort(terms, axis=0)
    counted = (terms >= 0).sum(axis=0)
    place = np.arange(len(terms))[:, None]
    kept = (terms >= 0) & (place < len(terms) - (0.02 * counted).astype(int))
    mean = np.where(kept, terms, 0.0).sum(axis=0) / np.maximum(kept.sum(axis=0), 1)
    roughness: Array = np.where(counted >= FEWEST, mean, np.nan)
    return roughness


def phi_during(kc: Array, k: Array, exposure: Array, phi0: Array | float, begins: Sequence[int] = ()) -> Array:
    """Burstiness as known before each tick, (ticks, stages).

    Compares the split of two ticks 12 apart, and of two six-tick blocks 12 ticks apart (blocks side by side, not
    sliding), by the X2 of a 2x2 table: a change in both arms alike does not count. Across two stages each side is
    compared with its own exposure, so that a change of the weight does not count either.

    Args:
        kc, k: canary errors and all errors, (ticks, stages) each.
        exposure: the canary's part of the requests, 0..1, (ticks, stages).
        phi0: from before the stage, one number or one a stage.
        begins: ticks at which a further stage begins.
    """
    ticks, stages = kc.shape
    start = np.broadcast_to(np.asarray(phi0, dtype=float), (stages,))
    number = np.searchsorted(np.asarray(begins, dtype=int), np.arange(ticks), side="right")[:, None]
    sides = (kc, k, k * exposure)
    per_tick = np.tile(start, (ticks, 1))
    if ticks > APART:
        same = number[APART:] == number[:-APART]
        pairs = _running(_squares([side[APART:] for side in sides], [side[:-APART] for side in sides], same), start)
        per_tick[APART + 1 :] = pairs[:-1]
    blocks, step = ticks // BLOCK, APART // BLOCK
    per_block = np.tile(start, (ticks, 1))
    if blocks > step:
        sums = [side[: blocks * BLOCK].reshape(blocks, BLOCK, stages).sum(axis=1) for side in sides]
        of_block = number[: blocks * BLOCK].reshape(blocks, BLOCK)
        same = (of_block[step:, -1] == of_block[:-step, 0])[:, None]
        pairs = _running(_squares([side[step:] for side in sums], [side[:-step] for side in sums], same), start)
        known = np.arange(APART + BLOCK, ticks)
        per_block[known] = pairs[(known - APART - BLOCK) // BLOCK]
    phi: Array = np.maximum(1.0, np.maximum(per_tick, per_block))
    return phi


def _squares(new: list[Array], old: list[Array], same: Mask) -> Array:
    """X2 of each pair, -1 for a pair without information. `same`: both sides belong to one stage."""
    (k1c, k1, own1), (k0c, k0, own0) = new, old
    due1, due0 = np.where(same, k1, own1), np.where(same, k0, own0)
    both, canary = k1 + k0, k1c + k0c
    spread = (1 - canary / np.where(both > 0, both, 1.0)) * canary * due1 * due0
    informative = spread > 0
    return np.where(informative, (k1c * due0 - k0c * due1) ** 2 / np.where(informative, spread, 1.0), -1.0)


def _running(squares: Array, phi0: Array | float) -> Array:
    informative = squares >= 0
    total = np.where(informative, squares, 0.0).cumsum(axis=0)
    return (PRIOR * phi0 + total) / (PRIOR + informative.cumsum(axis=0))
