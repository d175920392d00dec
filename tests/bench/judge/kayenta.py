"""Kayenta's judge (NetflixACAJudge-v1.0): a Mann-Whitney test of the two series of one-minute error rates.

High, and so a failed critical metric, when the lower end of the 98 % interval of the shift exceeds a quarter of the
Hodges-Lehmann estimate and the means' ratio is at least 1. From kayenta a69573be, MannWhitneyClassifier.scala and
MannWhitney.scala, which follow R's wilcox.test: normal approximation with ties and continuity correction. The ends
of the interval are taken exactly, as order statistics of the differences, where Kayenta uses a root finder.
"""

from __future__ import annotations

import numpy as np

from tests.bench.judge.peers import MINUTE
from tests.bench.judge.ticks import Array, Mask, Ticks

FIRST_LOOK = 10
"""Fewest points for a verdict."""
TOLERANCE = 0.25


def halts_at(ticks: Ticks, looks: range) -> Mask:
    """Where it is High, with a look after each minute in `looks` (counted from 1)."""
    length, stages = ticks.shape
    minutes = length // MINUTE
    kc, nc, kb, nb = (
        a[: minutes * MINUTE].reshape(minutes, MINUTE, stages).sum(axis=1)
        for a in (ticks.kc, ticks.nc, ticks.kb, ticks.nb)
    )
    canary, baseline = (kc / np.maximum(nc, 1.0)).T, (kb / np.maximum(nb, 1.0)).T
    halts = np.zeros((length, stages), dtype=bool)
    for minute in looks:
        halts[minute * MINUTE - 1] = is_high(canary[:, :minute], baseline[:, :minute])
    return halts


def halts_each_minute(ticks: Ticks) -> Mask:
    """Where it is High, with a look every minute from the tenth point."""
    return halts_at(ticks, range(FIRST_LOOK, ticks.shape[0] // MINUTE + 1))


def halts_once(ticks: Ticks) -> Mask:
    """Where it is High, with one look at the end."""
    minutes = ticks.shape[0] // MINUTE
    return halts_at(ticks, range(minutes, minutes + 1))


def is_high(x: Array, y: Array) -> Mask:
    """Whether each row of `x` (stages, points) is High against the row of `y`."""
    points = x.shape[1]
    pairs = points * points
    tied = _ties(x) + _ties(y)
    n = 2 * points
    sigma = np.sqrt(pairs / 12 * np.maximum(n + 1 - tied / (n * (n - 1)), 0))
    # W(mu) = #(x - y > mu) - pairs / 2 falls in steps of 1; the end is where it crosses z sigma + 1/2.
    from_below = np.floor(pairs / 2 - 2.3263478740408408 * sigma - 0.5).astype(int)
    differences = np.sort((x[:, :, None] - y[:, None, :]).reshape(len(x), pairs), axis=1)
    lower = np.take_along_axis(differences, np.maximum(from_below, 0)[:, None], axis=1)[:, 0]
    middle = (differences[:, (pairs - 1) // 2] + differences[:, pairs // 2]) / 2
    is_shifted: Mask = (lower > TOLERANCE * np.abs(middle)) & (x.mean(axis=1) >= y.mean(axis=1)) & (sigma > 0)
    return is_shifted


def _ties(rows: Array) -> Array:
    """Sum of t^3 - t over the groups of equal values in each row."""
    ordered = np.sort(rows, axis=1)
    same = ordered[:, 1:] == ordered[:, :-1]
    total, run = np.zeros(len(rows)), np.ones(len(rows))
    for i in range(same.shape[1]):
        grown = np.where(same[:, i], run + 1, 1.0)
        total += np.where(same[:, i], (grown**3 - grown) - (run**3 - run), 0.0)
        run = grown
    return total
