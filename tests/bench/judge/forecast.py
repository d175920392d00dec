"""What the forecast says against what comes: "a regression that begins now would show in N minutes"."""

from __future__ import annotations

import math

import numpy as np

from tests.bench.judge.bursts import phi_during
from tests.bench.judge.cells import Played, Scale, play
from tests.bench.judge.shares import Delays, span
from tests.bench.judge.split import DEFAULT, StartMixture, split_told, wobble
from tests.bench.judge.tables import Findings, Goal, Number, Table, held
from tests.bench.judge.ticks import TICK_S, Array
from tests.bench.judge.worlds import HOUR, Regime, World

ASKED = (6, 60, 180)
"""Ticks of a healthy stage after which it is asked and the regression begins."""
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
"""Of the closed form: nats for not knowing size and start."""
KEYS = ((1.0, DEFAULT.fail_at, 0.2), (DEFAULT.tolerance, DEFAULT.trivial_at, 0.7))
"""Per key its null, its threshold, and nats off that: half of all paths are there before the expected path is, the more
so the lower the threshold."""


def run(scale: Scale, seed: int) -> Findings:
    """Said by projecting the engine's state, said by the closed form, and got: medians over the stages of each cell."""
    rows, found, missed, closed_right = [], {}, [], 0
    cells = [(World(Regime(rps, base), ratio=ratio, from_tick=at), at) for at in ASKED for rps, base, ratio in CELLS]
    for world, at in cells:
        world = World(world.regime, ratio=world.ratio, from_tick=at, ticks=HOUR + at)
        parts = list(play(world, scale.regressions, seed, "forecast"))
        got = Delays.after(np.concatenate([part.evidence.fails() for part in parts], axis=1), at).median
        said = float(np.median(np.concatenate([projected(part, at) for part in parts])))
        closed = float(np.median(np.concatenate([closed_form(part, at) for part in parts])))
        name = f"{world.regime} {world.ratio:g}x"
        rows.append([name, f"{at // 6} min", span(said), span(closed), span(got)])
        found[f"forecast / {name} after {at // 6} min"] = _numbers(said, closed, got)
        closed_right += right(closed, got)
        if not right(said, got):
            missed.append(f"{name} after {at // 6} min: said {span(said)}, got {span(got)}")
    table = Table(
        "The forecast: said and got",
        ["canary, base rate, ratio", "asked after", "said", "closed form", "got"],
        rows,
        "For a regression that begins when it is asked; medians. Closed form: (ln 1/a + 2 + 2 ln(1 + u/60)) f / I,"
        f" right in {closed_right} of {len(rows)} cells.",
    )
    words = f"{len(rows) - len(missed)} of {len(rows)} cells" + (f"; not {'; '.join(missed)}" if missed else "")
    return Findings([table], [Goal("forecast", "within 25 %, or 2 ticks", words, held(not missed))], found)


def right(said: float, got: float) -> bool:
    """Within 25 % or two ticks; what the hour is not enough for must be said to take most of it."""
    if not math.isfinite(got):
        return said > 0.75 * HOUR * TICK_S
    return abs(said - got) <= max(0.25 * got, 2 * TICK_S)


def _flow(part: Played, seen: int) -> tuple[Array, Array, Array, Array]:
    """Per tick canary and baseline requests, all errors and canary errors expected under the regression, per stage."""
    nc, kb, nb = (a[:seen].mean(axis=0) for a in (part.ticks.nc, part.ticks.kb, part.ticks.nb))
    rate = kb / np.maximum(nb, 1e-12)
    kc = np.minimum(rate * part.world.ratio, 1.0) * nc
    return nc, nb, kc + rate * nb, kc


def projected(part: Played, seen: int) -> Array:
    """Seconds until both keys turn if from now on each tick is the expected one, per stage."""
    mixtures, phi = _state(part, seen)
    nc, nb, k, kc = _flow(part, seen)
    discount = np.maximum(phi, wobble(k, nc, nb, DEFAULT))
    sizes = np.array(DEFAULT.worse)[:, None]
    longest = np.full(k.shape, 2.0)
    for mixture, (r0, needed, hurry) in zip(mixtures, KEYS, strict=True):
        told, due = split_told(kc, k, nc, nb, r0, sizes)
        low, high = np.zeros(k.shape), np.full(k.shape, 1e5)
        for _ in range(40):
            middle = (low + high) / 2
            there = mixture.projected(told / discount, due, middle) >= np.log(needed) - hurry
            low, high = np.where(there, low, middle), np.where(there, middle, high)
        longest = np.maximum(longest, np.ceil(high))
    seconds: Array = longest * TICK_S
    return seconds


def _state(part: Played, seen: int) -> tuple[list[StartMixture], Array]:
    ticks = part.ticks
    k = ticks.kc + ticks.kb
    phi = phi_during(ticks.kc, k, ticks.exposure, part.phi0)
    discount = np.maximum(phi, wobble(k, ticks.nc, ticks.nb, DEFAULT))
    sizes = np.array(DEFAULT.worse)[:, None]
    mixtures = [StartMixture(len(sizes), k.shape[1]) for _ in KEYS]
    for t in range(seen):
        for mixture, (r0, *_) in zip(mixtures, KEYS, strict=True):
            told, due = split_told(ticks.kc[t], k[t], ticks.nc[t], ticks.nb[t], r0, sizes)
            mixture.add(told / discount[t], due)
    return mixtures, phi[seen]


def closed_form(part: Played, seen: int) -> Array:
    """Seconds by max over keys of (ln(1/a) + 2 + 2 ln(1 + u/60)) f / I(ratio, r0), at least two ticks, per stage."""
    ticks = part.ticks
    nc, nb, k, _ = _flow(part, seen)
    errors = ticks.kc[:seen] + ticks.kb[:seen]
    due = np.minimum(1.0, errors * ticks.nc[:seen] / np.maximum(ticks.nc[:seen] + ticks.nb[:seen], 1.0)).sum(axis=0)
    phi = phi_during(ticks.kc, ticks.kc + ticks.kb, ticks.exposure, part.phi0)[seen]
    discount = np.maximum(phi, wobble(k, nc, nb, DEFAULT))
    longest = np.full(k.shape, 2 * TICK_S)
    for r0, needed, _ in KEYS:
        q, q0 = (nc * r / np.maximum(nc * r + nb, 1e-12) for r in (part.world.ratio, r0))
        nats = k * (q * np.log(q / q0) + (1 - q) * np.log((1 - q) / (1 - q0))) / TICK_S
        with np.errstate(divide="ignore"):
            price = np.log(needed) + PRICE + 2 * np.log1p(due / DEFAULT.slow)
            longest = np.maximum(longest, price * discount / nats)
    return longest


def _numbers(said: float, closed: float, got: float) -> dict[str, Number]:
    values = {"said_s": said, "closed_form_s": closed, "got_s": got}
    return {name: value if math.isfinite(value) else None for name, value in values.items()}
