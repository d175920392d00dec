"""Simulated traffic: the counts of two arms, healthy or with a regression."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from tests.bench.judge.ticks import TICK_S, Array, Ticks

HOUR = 360
"""Ticks per hour."""


class Weather(StrEnum):
    """Disturbances of both arms, or of healthy arms by themselves."""

    PLAIN = "plain"
    DRIFT = "drift"
    """Traffic +-50 % and error rate between half and twice over the hour, both arms, phases random."""
    INCIDENT = "incident"
    """Both arms eight times the errors for ten minutes, starting anywhere."""
    BURSTS = "bursts 1.5"
    """Errors come in geometric clusters of mean 1.5 within one tick and arm: dispersion 2."""
    HEAVY_BURSTS = "bursts 3"
    """The same with mean 3: dispersion 5."""
    ARM_NOISE = "arm noise"
    """Each arm's error rate wanders independently: log-normal, cv 30 %, one minute of memory."""


NULLS = tuple(Weather)
CLUSTER = {Weather.BURSTS: 1.5, Weather.HEAVY_BURSTS: 3.0}


@dataclass(frozen=True, slots=True)
class Regime:
    """Traffic and normal error rate."""

    rps: float
    """Requests per second on the canary."""
    base: float
    """The baseline's error rate, 0..1."""
    weight: float = 0.01
    """The canary's part of all traffic, 0..1."""

    def __str__(self) -> str:
        weight = "" if self.weight == 0.01 else f" w {self.weight:.0%}"
        return f"{self.rps:g}/s {self.base * 100:g} %{weight}"

    @property
    def others(self) -> float:
        """Requests per second on the baseline."""
        return self.rps * (1 - self.weight) / self.weight


REGIMES = tuple(
    Regime(rps, base) for rps, base in ((2, 0.001), (5, 0.005), (20, 0.001), (100, 0.001), (100, 0.02), (500, 0.0001))
)
"""Regimes in which false halts are counted."""


@dataclass(frozen=True, slots=True)
class World:
    """A kind of stage."""

    regime: Regime
    weather: Weather = Weather.PLAIN
    ratio: float = 1.0
    """The canary's error rate over the baseline's."""
    from_tick: int = 0
    """The tick from which `ratio` holds; before it the arms are equal."""
    ticks: int = HOUR
    extra: float = 0.0
    """Error rate of the canary on top of the ratio, 0..1."""


def simulate(world: World, stages: int, rng: np.random.Generator) -> Ticks:
    """Counts of `stages` independent stages of a world."""
    shape = (world.ticks, stages)
    traffic, trouble = _shared(world, stages, rng)
    nc = rng.poisson(world.regime.rps * TICK_S * traffic, shape).astype(float)
    nb = rng.poisson(world.regime.others * TICK_S * traffic, shape).astype(float)
    ratio = np.where(np.arange(world.ticks) >= world.from_tick, world.ratio, 1.0)[:, None]
    extra = np.where(np.arange(world.ticks) >= world.from_tick, world.extra, 0.0)[:, None]
    rate = world.regime.base * trouble
    kc = _errors(nc, (rate * ratio + extra) * _alone(world, shape, rng), world.weather, rng)
    kb = _errors(nb, rate * _alone(world, shape, rng), world.weather, rng)
    return Ticks(kc, nc, kb, nb)


def history(world: World, stages: int, rng: np.random.Generator) -> Array:
    """Errors per tick of the whole healthy service in the hour before, (ticks, stages)."""
    shape = (HOUR, stages)
    calm = World(world.regime, Weather.PLAIN if world.weather is Weather.INCIDENT else world.weather)
    traffic, trouble = _shared(calm, stages, rng)
    n = rng.poisson((world.regime.rps + world.regime.others) * TICK_S * traffic, shape).astype(float)
    return _errors(n, world.regime.base * trouble * _alone(calm, shape, rng), world.weather, rng)


def _shared(world: World, stages: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Factors on traffic and error rate of both arms, (ticks, stages) or broadcastable to it."""
    clock = np.arange(world.ticks)[:, None]
    if world.weather is Weather.DRIFT:
        a, b = rng.uniform(0, 2 * np.pi, (2, stages))
        turn = 2 * np.pi * clock / HOUR
        return 1 + 0.5 * np.sin(turn + a), 2 ** np.sin(turn + b)
    one = np.ones((1, 1))
    if world.weather is Weather.INCIDENT:
        since = rng.integers(0, max(1, world.ticks - 60), stages)
        return one, np.where((clock >= since) & (clock < since + 60), 8.0, 1.0)
    return one, one


def _alone(world: World, shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """A factor on the error rate of one arm alone."""
    if world.weather is not Weather.ARM_NOISE:
        return np.ones((1, 1))
    sigma = np.sqrt(np.log(1 + 0.3**2))
    memory = np.exp(-TICK_S / 60)
    kicks = rng.standard_normal(shape)
    walk = np.empty(shape)
    walk[0] = kicks[0]
    for t in range(1, len(walk)):
        walk[t] = memory * walk[t - 1] + np.sqrt(1 - memory**2) * kicks[t]
    wandering: Array = np.exp(sigma * walk - sigma**2 / 2)
    return wandering


def _errors(n: Array, rate: Array, weather: Weather, rng: np.random.Generator) -> Array:
    due = n * np.minimum(rate, 1.0)
    mean = CLUSTER.get(weather)
    if mean is None:
        k = rng.poisson(due).astype(float)
    else:
        clusters = rng.poisson(due / mean)
        k = clusters.astype(float)
        some = clusters > 0
        k[some] += rng.negative_binomial(clusters[some], 1 / mean)
    errors: Array = np.minimum(k, n)
    return errors
