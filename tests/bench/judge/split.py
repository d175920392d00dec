"""The verdict rule for counts, vectorized over stages and written from the formulas alone.

Given the errors K of a tick, the canary's part is binomial with q(r) = n_c r / (n_c r + n_b), whatever the error rate
was (Przyborowski and Wilenski 1940). The evidence against "ratio at most r0" mixes suspected ratios and start times; it
is an e-process, so P(ever >= 1/a) <= a (Ville 1939).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tests.bench.judge.bursts import phi_during
from tests.bench.judge.ticks import Array, Mask, Ticks

CEILING = 1e15
"""Upper bound of the evidence, far from overflow."""


@dataclass(frozen=True, slots=True)
class Rule:
    """The constants of the rule; the defaults are the product's."""

    worse: tuple[float, ...] = (1.3, 1.8, 2.6, 4.0, 7.0, 14.0, 40.0)
    """Suspected regressions, as multiples of the ratio to refute."""
    better: tuple[float, ...] = (0.15, 0.3, 0.5, 0.65, 0.8)
    """Suspected true ratios as parts of `ni`, for a pass."""
    tolerance: float = 1.25
    ni: float = 2.0
    """The ratio that a pass excludes."""
    cap: float = 20.0
    """Largest likelihood ratio of one tick."""
    at_start: float = 0.5
    """Start mass on a regression from the first tick, 0..1."""
    slow: float = 60.0
    """Expected canary events after which half of the unspent start mass is spent."""
    pods: float = 0.15
    """Relative difference of healthy pods from minute to minute."""
    fail_at: float = 100.0
    trivial_at: float = 5.0
    pass_at: float = 20.0
    pass_ticks: int = 12


DEFAULT = Rule()


class StartMixture:
    """Evidence mixed over suspected sizes and first ticks of a regression: an e-process per stage."""

    def __init__(self, sizes: int, stages: int, rule: Rule = DEFAULT) -> None:
        """`sizes` components for each of `stages` stages."""
        self._rule = rule
        self._grown = np.full((sizes, stages), rule.at_start)
        self._due = np.zeros(stages)
        self._kept = np.full(stages, 1.0 - rule.at_start)

    def unspent(self) -> Array:
        """Unspent start mass, per stage."""
        return self._kept / (1 + self._due / self._rule.slow)

    @property
    def grown(self) -> Array:
        """Evidence of the first ticks so far, (sizes, stages)."""
        return self._grown

    def weight(self, due: Array) -> Array:
        """Start mass spent at a tick with `due` expected canary events, (stages,)."""
        after = self._kept / (1 + (self._due + np.minimum(1.0, due)) / self._rule.slow)
        weight: Array = self.unspent() - after
        return weight

    def spend(self, part: float, chosen: Mask | None = None) -> None:
        """Spend a part of the unspent start mass at once, because a new stage began."""
        moved = part * self.unspent() if chosen is None else np.where(chosen, part * self.unspent(), 0.0)
        self._grown += moved
        self._kept *= 1 - part if chosen is None else np.where(chosen, 1 - part, 1.0)

    def projected(self, log_lr: Array, due: Array, ticks: Array) -> Array:
        """ln of the evidence after `ticks` more ticks with `log_lr` and `due` each, (stages,).

        The start mass is spent evenly over these ticks, which makes the sum geometric.
        """
        each = np.minimum(log_lr, np.log(self._rule.cap))
        left = self._kept / (1 + (self._due + ticks * np.minimum(1.0, due)) / self._rule.slow)
        spent = (self.unspent() - left) / np.maximum(ticks, 1e-9)
        grown = np.exp(np.minimum(ticks * each, 60.0))
        flat = np.abs(each) < 1e-9
        series = np.where(flat, ticks, (grown - 1) / (1 - np.exp(-np.where(flat, 1.0, each))))
        log_evidence: Array = np.log((self._grown * grown + spent * series).mean(axis=0) + left)
        return log_evidence

    def add(self, log_lr: Array, due: Array) -> Array:
        """Add one tick and return the evidence.

        Args:
            log_lr: log likelihood ratios, (sizes, stages), discounted but not capped.
            due: canary events expected under the hypothesis to refute, (stages,).

        Returns:
            The evidence after it, (stages,).
        """
        before = self.unspent()
        self._due += np.minimum(1.0, due)
        after = self.unspent()
        self._grown += before - after
        self._grown *= np.exp(np.minimum(log_lr, np.log(self._rule.cap)))
        np.minimum(self._grown, CEILING, out=self._grown)
        evidence: Array = self._grown.mean(axis=0) + after
        return evidence


@dataclass(frozen=True, slots=True)
class Evidence:
    """Evidence after each tick, (ticks, stages) each."""

    chance: Array
    """Against "not worse": key 1."""
    trivial: Array
    """Against "not worse than the tolerance": key 2."""
    ok: Array
    """Against "as bad as `ni`"."""
    phi: Array
    """Burstiness estimated before the tick."""
    rule: Rule = field(default=DEFAULT)

    def fails(self) -> Mask:
        """Where both keys turn: a FAIL."""
        return (self.chance >= self.rule.fail_at) & (self.trivial >= self.rule.trivial_at)

    def passes(self) -> Mask:
        """Where a pass is proven after enough ticks."""
        place = np.arange(len(self.ok))[:, None]
        return (self.ok >= self.rule.pass_at) & (place + 1 >= self.rule.pass_ticks)


def split_evidence(
    ticks: Ticks,
    rule: Rule = DEFAULT,
    phi0: Array | float = 1.0,
    only_fail: bool = False,
    begins: Sequence[int] = (),
    spend: float = 0.5,
) -> Evidence:
    """Evidence of both keys and of the pass after each tick.

    Args:
        ticks: paired ticks.
        rule: the constants.
        phi0: burstiness before the stage, one number or one a stage.
        only_fail: leave the pass out; `ok` is then all zero.
        begins: ticks at which a further stage begins: evidence for a FAIL goes on, for a pass it starts again.
        spend: the part of the unspent start mass that a new stage's first tick gets.
    """
    length, stages = ticks.shape
    k = ticks.kc + ticks.kb
    phi = phi_during(ticks.kc, k, ticks.exposure, phi0, begins)
    discount = np.maximum(phi, wobble(k, ticks.nc, ticks.nb, rule))
    worse, better = np.array(rule.worse)[:, None], np.array(rule.better)[:, None]
    keys = [(1.0, worse), (rule.tolerance, worse)] + ([] if only_fail else [(rule.ni, better)])
    mixtures = [StartMixture(len(sizes), stages, rule) for _, sizes in keys]
    out = [np.zeros((length, stages)) for _ in range(3)]
    for t in range(length):
        if t in begins:
            for mixture in mixtures[:2]:
                mixture.spend(spend)
            mixtures[2:] = [StartMixture(len(better), stages, rule) for _ in mixtures[2:]]
        for mixture, (r0, sizes), evidence in zip(mixtures, keys, out, strict=False):
            log_lr, due = split_log_lr(ticks.kc[t], k[t], ticks.nc[t], ticks.nb[t], r0, sizes)
            evidence[t] = mixture.add(log_lr / discount[t], due)
    return Evidence(chance=out[0], trivial=out[1], ok=out[2], phi=phi, rule=rule)


def split_log_lr(kc: Array, k: Array, nc: Array, nb: Array, r0: Array | float, sizes: Array) -> tuple[Array, Array]:
    """(log likelihood ratios of one tick for each size against `r0`, canary events expected under `r0`)."""
    exposed = nc * r0
    base = exposed + nb
    base = np.where(base > 0, base, 1.0)
    log_lr: Array = kc * np.log(sizes) - k * np.log(np.where(k > 0, (exposed * sizes + nb) / base, 1.0))
    due: Array = k * exposed / base
    return log_lr, due


def wobble(k: Array, nc: Array, nb: Array, rule: Rule) -> Array:
    """Discount for the small differences between healthy arms, given all errors of a tick."""
    base = nc * rule.tolerance + nb
    q = nc * rule.tolerance / np.where(base > 0, base, 1.0)
    found: Array = 1 + 6 * k * q * rule.pods**2
    return found


def first_tick(where: Mask) -> Array:
    """First tick, from 1, at which each stage is true; NaN for never."""
    return np.where(where.any(axis=0), where.argmax(axis=0) + 1.0, np.nan)
