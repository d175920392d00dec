"""Since when: the beginning that makes the regression most likely. A point estimate for the eye, not evidence.

Per suspected ratio the running maximum over beginnings of the log likelihood ratio (Page 1954), which starts again
wherever it would fall below nothing; so what stands is the best beginning, with the sums since then.
"""

from __future__ import annotations

from console.judge.value import Value

RATIOS = (1.3, 1.8, 2.6, 4.0, 7.0, 14.0, 40.0)
"""Suspected regressions, in multiples of the ratio of the null."""


class Onset(Value):
    """The best beginning so far per suspected ratio. Immutable: `after` returns the next one."""

    __slots__ = ("runs",)

    def __init__(self, runs: tuple[tuple[float, float, float, float, float, float] | None, ...]) -> None:
        self.runs = runs
        """Per ratio (log likelihood ratio in nats, beginning in unix seconds, kc, nc, kb, nb), or None."""

    @classmethod
    def none(cls) -> Onset:
        """Nothing has begun."""
        return cls((None,) * len(RATIOS))

    def after(self, logs: list[float], at: float, kc: float, nc: float, kb: float, nb: float) -> Onset:
        """After a tick that began `at`, with its log likelihood ratios against "no worse"."""
        runs: list[tuple[float, float, float, float, float, float] | None] = []
        for run, log in zip(self.runs, logs, strict=True):
            if run is None:
                runs.append((log, at, kc, nc, kb, nb) if log > 0.0 else None)
            elif run[0] + log <= 0.0:
                runs.append(None)
            else:
                runs.append((run[0] + log, run[1], run[2] + kc, run[3] + nc, run[4] + kb, run[5] + nb))
        return Onset(tuple(runs))

    def best(self) -> tuple[float, float, float, float, float, float] | None:
        """The most likely beginning with its sums; None while nothing speaks for a regression."""
        return max((run for run in self.runs if run is not None), key=lambda run: run[0], default=None)
