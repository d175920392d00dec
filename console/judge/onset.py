"""Beginning and size of a regression, as point estimates for display.

`Onset`: per suspected ratio the running maximum over beginnings of the log likelihood ratio (Page 1954). It restarts
wherever it would fall below 0, so its current value belongs to the best beginning.

`Excess`: events of both arms since the regression began, averaged over all beginnings and sizes with the weights of the
evidence. It can prevent a FAIL, never cause one.
"""

from __future__ import annotations

from console.judge.mixture import Mixture
from console.judge.value import Value

RATIOS = (1.3, 1.8, 2.6, 4.0, 7.0, 14.0, 40.0)
"""Suspected regressions, in multiples of the ratio of the null."""


Sums = tuple[float, float, float, float]
"""(canary bad, canary total, baseline bad, baseline total)"""


class Onset(Value):
    """The best beginning so far per suspected ratio. Immutable."""

    __slots__ = ("runs",)

    def __init__(self, runs: tuple[tuple[float, float, Sums] | None, ...] = (None,) * len(RATIOS)) -> None:
        self.runs = runs
        """Per ratio (log likelihood ratio in nats, beginning in unix seconds, both arms since then), or None."""

    def after(self, logs: list[float], at: float, kc: float, nc: float, kb: float, nb: float) -> Onset:
        """The onset after a tick with these events (see `Sums`), which began `at`, in unix seconds.

        `logs`: per suspected ratio the tick's log likelihood ratio against "no worse", in nats.
        """
        runs: list[tuple[float, float, Sums] | None] = []
        for run, log in zip(self.runs, logs, strict=True):
            if run is None:
                runs.append((log, at, (kc, nc, kb, nb)) if log > 0.0 else None)
            elif run[0] + log > 0.0:
                a, b, c, d = run[2]
                runs.append((run[0] + log, run[1], (a + kc, b + nc, c + kb, d + nb)))
            else:
                runs.append(None)
        return Onset(tuple(runs))

    def best(self) -> tuple[float, float, Sums] | None:
        """(log likelihood ratio, beginning, both arms since) of the likeliest beginning, or None."""
        return max((run for run in self.runs if run is not None), key=lambda run: run[0], default=None)


class Excess(Value):
    """Events since the regression began, per suspected ratio. Immutable."""

    __slots__ = ("sums",)

    def __init__(self, sums: tuple[Sums, ...] = ((0.0, 0.0, 0.0, 0.0),) * len(RATIOS)) -> None:
        self.sums = sums

    def after(self, before: Mixture, weight: float, kc: float, nc: float, kb: float, nb: float) -> Excess:
        """The sums after a tick with these events (see `Sums`).

        `before`: key 1 before this tick; `weight`: of the beginnings at it.
        """
        sums = []
        for part, (a, b, c, d) in zip(before.parts, self.sums, strict=True):
            keep = part / (part + weight) if weight > 0.0 else 1.0
            sums.append((a * keep + kc, b * keep + nc, c * keep + kb, d * keep + nb))
        return Excess(tuple(sums))

    def estimate(self, now: Mixture) -> float | None:
        """Excess of the canary's bad share, -1..1; None without events."""
        kc = nc = kb = nb = 0.0
        for part, (a, b, c, d) in zip(now.parts, self.sums, strict=True):
            kc, nc, kb, nb = kc + part * a, nc + part * b, kb + part * c, nb + part * d
        return kc / nc - kb / nb if nc > 0.0 and nb > 0.0 else None
