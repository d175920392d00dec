"""The forecast "a regression that begins now would show in N minutes" against the measured delay."""

from __future__ import annotations

import math

import numpy as np

from tests.bench.judge.bursts import phi_during
from tests.bench.judge.cells import PlayedStages, Scale, play
from tests.bench.judge.shares import Delays, span
from tests.bench.judge.split import DEFAULT, StartMixture, split_log_lr, wobble
from tests.bench.judge.tables import Findings, Goal, Number, Table, goal_result
from tests.bench.judge.ticks import TICK_S, Array
from tests.bench.judge.worlds import HOUR, Regime, World

FORECAST_AT = (6, 60, 180)
"""Ticks of a healthy stage after which the forecast is made and the regression begins."""
CELLS = (
    *((2, 0.001, 5), (2, 0.001, 20), (2, 0.005, 2), (5, 0.005, 2), (5, 0.005, 5), (20, 0.001, 2), (20, 0.001, 5)),
    *(
        (20, 0.001, 20),
        (20, 0.005, 2),
        (100, 0.001, 2),
        (100, 0.001, 5),
        (100, 0.02, 2),
        (500, 0.0001, 2),
        (500, 0.02, 5),
    ),
)
PRICE = 2.0
"""Nats in the closed form for an unknown size and start."""
KEYS = ((1.0, DEFAULT.fail_at, 0.2), (DEFAULT.tolerance, DEFAULT.trivial_at, 0.7))
"""Per key: its null, its threshold, and nats subtracted from that, since half of all paths arrive before the expected
path, the more so the lower the threshold."""


def run(scale: Scale, seed: int) -> Findings:
    """Compare the projected and the closed-form forecast with measured delays, as medians per cell."""
    rows, found, missed, closed_right = [], {}, [], 0
    cells = [
        (World(Regime(rps, base), ratio=ratio, from_tick=at), at) for at in FORECAST_AT for rps, base, ratio in CELLS
    ]
    for world, at in cells:
        world = World(world.regime, ratio=world.ratio, from_tick=at, ticks=HOUR + at)
        parts = list(play(world, scale.regressions, seed, "forecast"))
        measured = Delays.after(np.concatenate([part.evidence.fails() for part in parts], axis=1), at).median
        forecast = float(np.median(np.concatenate([projected(part, at) for part in parts])))
        closed = float(np.median(np.concatenate([closed_form(part, at) for part in parts])))
        name = f"{world.regime} {world.ratio:g}x"
        rows.append([name, f"{at // 6} min", span(forecast), span(closed), span(measured)])
        found[f"forecast / {name} after {at // 6} min"] = _numbers(forecast, closed, measured)
        closed_right += is_right(closed, measured)
        if not is_right(forecast, measured):
            missed.append(f"{name} after {at // 6} min: forecast {span(forecast)}, measured {span(measured)}")
    table = Table(
        "The forecast against the measured delay",
        ["canary, base rate, ratio", "forecast after", "forecast", "closed form", "measured"],
        rows,
        "For a regression that begins at the forecast; medians. Closed form: (ln 1/a + 2 + 2 ln(1 + u/60)) f / I,"
        f" right in {closed_right} of {len(rows)} cells.",
    )
    words = f"{len(rows) - len(missed)} of {len(rows)} cells" + (f"; not {'; '.join(missed)}" if missed else "")
    return Findings([table], [Goal("forecast", "within 25 %, or 2 ticks", words, goal_result(not missed))], found)


def is_right(forecast: float, measured: float) -> bool:
    """Within 25 % or two ticks; for a delay beyond the hour, a forecast of most of the hour."""
    if not math.isfinite(measured):
        return forecast > 0.75 * HOUR * TICK_S
    return abs(forecast - measured) <= max(0.25 * measured, 2 * TICK_S)


def _flow(part: PlayedStages, elapsed: int) -> tuple[Array, Array, Array, Array]:
    """Expected (canary requests, baseline requests, errors, canary errors) of a tick, per stage."""
    nc, kb, nb = (a[:elapsed].mean(axis=0) for a in (part.ticks.nc, part.ticks.kb, part.ticks.nb))
    rate = kb / np.maximum(nb, 1e-12)
    kc = np.minimum(rate * part.world.ratio, 1.0) * nc
    return nc, nb, kc + rate * nb, kc


def projected(part: PlayedStages, elapsed: int) -> Array:
    """Seconds per stage until both keys turn, if every later tick is the expected one."""
    mixtures, phi = _state(part, elapsed)
    nc, nb, k, kc = _flow(part, elapsed)
    discount = np.maximum(phi, wobble(k, nc, nb, DEFAULT))
    sizes = np.array(DEFAULT.worse)[:, None]
    longest = np.full(k.shape, 2.0)
    for mixture, (r0, needed, hurry) in zip(mixtures, KEYS, strict=True):
        log_lr, due = split_log_lr(kc, k, nc, nb, r0, sizes)
        low, high = np.zeros(k.shape), np.full(k.shape, 1e5)
        for _ in range(40):
            middle = (low + high) / 2
            there = mixture.projected(log_lr / discount, due, middle) >= np.log(needed) - hurry
            low, high = np.where(there, low, middle), np.where(there, middle, high)
        longest = np.maximum(longest, np.ceil(high))
    seconds: Array = longest * TICK_S
    return seconds


def _state(part: PlayedStages, elapsed: int) -> tuple[list[StartMixture], Array]:
    ticks = part.ticks
    k = ticks.kc + ticks.kb
    phi = phi_during(ticks.kc, k, ticks.exposure, part.phi0)
    discount = np.maximum(phi, wobble(k, ticks.nc, ticks.nb, DEFAULT))
    sizes = np.array(DEFAULT.worse)[:, None]
    mixtures = [StartMixture(len(sizes), k.shape[1]) for _ in KEYS]
    for t in range(elapsed):
        for mixture, (r0, *_) in zip(mixtures, KEYS, strict=True):
            log_lr, due = split_log_lr(ticks.kc[t], k[t], ticks.nc[t], ticks.nb[t], r0, sizes)
            mixture.add(log_lr / discount[t], due)
    return mixtures, phi[elapsed]


def closed_form(part: PlayedStages, elapsed: int) -> Array:
    """Forecast by a formula, seconds per stage, at least two ticks.

    The maximum over both keys of (ln(1/a) + 2 + 2 ln(1 + u/60)) f / I(ratio, r0).
    """
    ticks = part.ticks
    nc, nb, k, _ = _flow(part, elapsed)
    errors = ticks.kc[:elapsed] + ticks.kb[:elapsed]
    due = np.minimum(1.0, errors * ticks.nc[:elapsed] / np.maximum(ticks.nc[:elapsed] + ticks.nb[:elapsed], 1.0)).sum(
        axis=0
    )
    phi = phi_during(ticks.kc, ticks.kc + ticks.kb, ticks.exposure, part.phi0)[elapsed]
    discount = np.maximum(phi, wobble(k, nc, nb, DEFAULT))
    longest = np.full(k.shape, 2 * TICK_S)
    for r0, needed, _ in KEYS:
        q, q0 = (nc * r / np.maximum(nc * r + nb, 1e-12) for r in (part.world.ratio, r0))
        nats = k * (q * np.log(q / q0) + (1 - q) * np.log((1 - q) / (1 - q0))) / TICK_S
        with np.errstate(divide="ignore"):
            price = np.log(needed) + PRICE + 2 * np.log1p(due / DEFAULT.slow)
            longest = np.maximum(longest, price * discount / nats)
    return longest


def _numbers(forecast: float, closed: float, measured: float) -> dict[str, Number]:
    values = {"forecast_s": forecast, "closed_form_s": closed, "measured_s": measured}
    return {name: value if math.isfinite(value) else None for name, value in values.items()}
