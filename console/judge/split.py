"""Evidence from the split of a tick's errors between the arms.

Given K errors in all, the canary's part is binomial with q = nc r / (nc r + nb), whatever the common error rate was
(Przyborowski and Wilenski 1940), so drift and shared incidents cancel. For errors that are not rare the exact law is
hypergeometric, whose likelihood ratio has a smaller mean (Hoeffding 1963): the evidence stays valid.

Three mixtures: against "no worse" (key 1), against "no worse than the tolerance" (key 2), against "`worse_by` times or
worse" (the way to a pass). A quantity that depends on the split is used for later ticks only; a tick's own discount may
depend on K alone.
"""

from __future__ import annotations

import math
from copy import copy

from console.judge.bursts import WITHOUT_HISTORY, Bursts
from console.judge.mixture import Mixture
from console.judge.onset import RATIOS, Excess, Onset
from console.judge.value import Value

Ratios = tuple[float, ...]
PASS_RATIOS = (0.15, 0.3, 0.5, 0.65, 0.8)
"""Suspected ratios under test against "`worse_by` or worse", in multiples of it."""
ARM_NOISE = 0.15
"""Variation of healthy instances from minute to minute: standard deviation over mean."""
GRID = tuple(2.0 ** (step / 6.0) for step in range(-24, 43))
"""Ratios at which the interval's likelihood is computed: 1/16 to 128."""
_LOG_GRID = tuple(math.log(ratio) for ratio in GRID)
LOG_RATIOS = tuple(math.log(ratio) for ratio in RATIOS)
LOG_PASS = tuple(math.log(ratio) for ratio in PASS_RATIOS)
_LN20 = math.log(20.0)
_SILENT = [0.0] * len(RATIOS)
"""Log likelihood ratios of a tick without errors."""


class Split(Value):
    """Evidence from the splits of a rollout so far. Immutable."""

    __slots__ = (
        *("tolerance", "worse_by", "worse", "trivial", "better", "bursts", "onset", "excess"),
        *("curve", "ticks", "kc", "nc", "kb", "nb"),
    )

    def __init__(
        self,
        tolerance: float,
        worse_by: float,
        worse: Mixture,
        trivial: Mixture,
        better: Mixture,
        bursts: Bursts,
        onset: Onset,
        excess: Excess,
        curve: tuple[float, ...] | None = None,
        sums: tuple[int, float, float, float, float] = (0, 0.0, 0.0, 0.0, 0.0),
    ) -> None:
        self.tolerance = tolerance
        self.worse_by = worse_by
        self.worse = worse
        """Key 1, over the whole rollout: evidence against "ratio <= 1"."""
        self.trivial = trivial
        """Key 2, over the whole rollout: evidence against "ratio <= tolerance"."""
        self.better = better
        """In this stage: evidence against "ratio >= worse_by"."""
        self.bursts = bursts
        self.onset = onset
        self.excess = excess
        self.curve = curve
        """Tempered log likelihood over GRID of this stage; None before its first error."""
        self.ticks, self.kc, self.nc, self.kb, self.nb = sums
        """Of this stage."""

    @classmethod
    def begin(cls, tolerance: float = 1.25, worse_by: float = 2.0, phi: float = WITHOUT_HISTORY) -> Split:
        """A split model without any tick."""
        worse, better = Mixture.of(len(RATIOS)), Mixture.of(len(PASS_RATIOS))
        return cls(tolerance, worse_by, worse, worse, better, Bursts(phi), Onset(), Excess())

    def next_stage(self) -> Split:
        """The split at a new stage: fail evidence continues, pass evidence and interval restart."""
        worse, trivial, bursts = self.worse.next_stage(), self.trivial.next_stage(), self.bursts.next_stage()
        better = Mixture.of(len(PASS_RATIOS))
        return Split(self.tolerance, self.worse_by, worse, trivial, better, bursts, self.onset, self.excess)

    def after_override(self) -> Split:
        """The split after an override, with its ratio and interval: see `Mixture.after_override`."""
        split = copy(self)
        split.worse = self.worse.after_override()
        return split

    def discount(self, nc: float, nb: float, errors: float) -> float:
        """Divisor of the evidence of a tick with `errors` errors of both arms."""
        q = nc * self.tolerance / (nc * self.tolerance + nb) if nc > 0.0 else 0.0
        by_noise = 1.0 + 6.0 * errors * q * ARM_NOISE * ARM_NOISE
        return by_noise if by_noise > self.bursts.phi else self.bursts.phi

    def after(self, at: float, kc: float, nc: float, kb: float, nb: float) -> Split:
        """The split after a tick in which both arms have counters.

        Args:
            at: the tick's start, unix seconds.
            kc, nc: the canary's bad and total events; kb, nb: the baseline's. 0 <= k <= n, finite.
        """
        errors, both = kc + kb, nc + nb
        sums = (self.ticks + 1, self.kc + kc, self.nc + nc, self.kb + kb, self.nb + nb)
        bursts = self.bursts.after(kc, errors, nc / both if both > 0.0 else 0.0)
        if errors <= 0.0 or both <= 0.0:
            onset = self.onset.after(_SILENT, at, kc, nc, kb, nb)
            excess = self.excess.after(self.worse, 0.0, kc, nc, kb, nb)
            return Split(
                *(self.tolerance, self.worse_by, self.worse, self.trivial, self.better),
                *(bursts, onset, excess, self.curve, sums),
            )
        f = self.discount(nc, nb, errors)
        worse_logs, worse_due = tick_evidence(RATIOS, LOG_RATIOS, 1.0, kc, nc, errors, nb, f)
        trivial_logs, trivial_due = tick_evidence(RATIOS, LOG_RATIOS, self.tolerance, kc, nc, errors, nb, f)
        better_logs, better_due = tick_evidence(PASS_RATIOS, LOG_PASS, self.worse_by, kc, nc, errors, nb, f)
        worse, trivial = self.worse.after(worse_logs, worse_due), self.trivial.after(trivial_logs, trivial_due)
        better = self.better.after(better_logs, better_due)
        onset = self.onset.after(worse_logs, at, kc, nc, kb, nb)
        excess = self.excess.after(self.worse, self.worse.weight(worse_due), kc, nc, kb, nb)
        curve = self._curve_after(kc, nc, kb, nb, f)
        return Split(self.tolerance, self.worse_by, worse, trivial, better, bursts, onset, excess, curve, sums)

    def _curve_after(self, kc: float, nc: float, kb: float, nb: float, f: float) -> tuple[float, ...]:
        """The likelihood curve with a tick added, tempered to 20:1 per tick at most."""
        log, errors, both = math.log, kc + kb, nc + nb
        most = (
            (kc * log(kc / nc * both) if kc > 0.0 and nc > 0.0 else 0.0)
            + (kb * log(kb / nb * both) if kb > 0.0 and nb > 0.0 else 0.0)
            - errors * log(errors)
        )
        temper = max(f, most / _LN20)
        part, whole = kc / temper, errors / temper
        share_c, share_b = nc / both, nb / both
        news = [part * x - whole * log(share_c * r + share_b) for r, x in zip(GRID, _LOG_GRID, strict=True)]
        if self.curve is None:
            return tuple(news)
        return tuple([a + b for a, b in zip(self.curve, news, strict=True)])

    def ratio(self) -> float | None:
        """canary/baseline of this stage: infinite if only the canary has errors, None if neither has."""
        if self.nc <= 0.0 or self.nb <= 0.0 or self.kc + self.kb <= 0.0:
            return None
        return (self.kc / self.nc) / (self.kb / self.nb) if self.kb > 0.0 else math.inf

    def interval(self) -> tuple[float, float]:
        """The 95 % interval of this stage's ratio, valid at all times; display only.

        All grid points whose tempered likelihood is within a factor of 20 of the grid's mean, one step outward.
        (0, inf) before the first error; an end at the grid's edge is 0 or infinite.
        """
        if self.curve is None:
            return 0.0, math.inf
        top = max(self.curve)
        mean = top + math.log(sum(math.exp(value - top) for value in self.curve) / len(self.curve))
        inside = [index for index, value in enumerate(self.curve) if mean - value < _LN20]
        low, high = inside[0] - 1, inside[-1] + 1
        return (GRID[low] if low >= 0 else 0.0), (GRID[high] if high < len(GRID) else math.inf)


def tick_evidence(
    ratios: Ratios, log_ratios: Ratios, r0: float, kc: float, nc: float, errors: float, nb: float, f: float
) -> tuple[list[float], float]:
    """Evidence of one tick against ratio `r0`.

    Args:
        ratios, log_ratios: suspected ratios in multiples of `r0`, and their logarithms.
        r0: the null's ratio.
        kc, nc, nb: the canary's bad and total events, the baseline's total events.
        errors: bad events of both arms.
        f: divisor of the evidence (`Split.discount`).

    Returns:
        (log likelihood ratio per suspected ratio in nats, canary errors expected under `r0`).
    """
    log = math.log
    null = nc * r0
    base = null + nb
    share_c, share_b = null / base, nb / base
    logs = [(kc * x - errors * log(share_c * g + share_b)) / f for g, x in zip(ratios, log_ratios, strict=True)]
    return logs, errors * share_c
