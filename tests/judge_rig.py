"""Ticks and tracks for the judge's tests: ten-second ticks from a fixed noon."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from adapters.contract import Counts, MetricQuery, Reading, Sample, Shape
from console.judge.policy import MetricPolicy
from console.judge.split import Split
from console.judge.track import Track
from console.judge.verdict import VerdictContext
from console.plan.nouns import Metric

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ERRORS = Metric(MetricQuery("errors", Shape.COUNTS), "prom")
FLOWING = VerdictContext(NOON, exposed=True, alone=False, canary_at=NOON, baseline_at=NOON)

Tick = tuple[float, float, float, float]
"""(canary bad, canary total, baseline bad, baseline total)"""


def reading(number: int, canary: Sample | None, baseline: Sample | None) -> Reading:
    return Reading(NOON + timedelta(seconds=10 * number), canary, baseline)


def readings(ticks: Iterable[Tick]) -> list[Reading]:
    return [reading(number, Counts(nc, kc), Counts(nb, kb)) for number, (kc, nc, kb, nb) in enumerate(ticks)]


def split_of(ticks: Iterable[Tick], phi: float = 1.0, tolerance: float = 1.25) -> Split:
    """The split engine alone after these ticks."""
    split = Split.begin(tolerance=tolerance, phi=phi)
    for number, (kc, nc, kb, nb) in enumerate(ticks):
        split = split.after(10.0 * number, kc, nc, kb, nb)
    return split


def tracked(
    ticks: Sequence[Reading], terms: MetricPolicy | None = None, history: Sequence[Reading] = (), *, alone: bool = False
) -> Track:
    """A metric's track after these ticks of one stage."""
    track = Track.begin(terms or MetricPolicy(), history, 1)
    for tick in ticks:
        track = track.after(tick, 1, alone=alone)
    return track


def stream(
    seed: int, ticks: int, *, canary: float = 100, baseline: float = 900, bad: float, ratio: float = 1.0
) -> list[Tick]:
    """A seeded stream of Poisson counts: `bad` is the baseline's share, the canary errs `ratio` times as often."""
    draw = random.Random(seed)
    return [
        (
            min(poisson(draw, canary * bad * ratio), canary),
            canary,
            min(poisson(draw, baseline * bad), baseline),
            baseline,
        )
        for _ in range(ticks)
    ]


def poisson(draw: random.Random, mean: float) -> float:
    """One Poisson draw (Knuth)."""
    limit, count, product = 2.718281828459045**-mean, 0, draw.random()
    while product > limit:
        count += 1
        product *= draw.random()
    return float(count)
