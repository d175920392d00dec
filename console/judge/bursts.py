"""How much more the split of the errors varies than independent errors would: the burst factor phi, 1 or more.

Evidence is divided by phi. Before the stage it is estimated from the baseline's own errors, during the stage from how
the canary's share changes between neighbouring ticks, which a common drift of the error rate does not touch. phi is
used for a tick only after it was learned from earlier ones.
"""

from __future__ import annotations

from collections.abc import Sequence

from console.judge.value import Value

WITHOUT_HISTORY = 1.5
"""phi before the stage where there is no history."""
_LARGEST = 8.0
_PRIOR_PAIRS = 10
"""How many pairs of ticks the value from before the stage weighs as much as."""
_APART = 12
_BLOCK = 6
_SHORTEST_HISTORY = 12
"""Windows of three neighbours below which a history says nothing."""


def phi_before(bad: Sequence[float]) -> float:
    """phi from the baseline's bad events per tick over the last hour, oldest first, without gaps.

    For the ticks and for blocks of six: the mean of squared second differences over their expectation for a Poisson
    count, after dropping the top 2 %; the factors 0.95 and 0.85 undo the bias of that. The larger of both, in [1, 8].
    `WITHOUT_HISTORY` where the series is too short or holds no event.
    """
    blocks = [sum(bad[i : i + _BLOCK]) for i in range(0, len(bad) - _BLOCK + 1, _BLOCK)]
    found = [
        factor * spread for series, factor in ((bad, 0.95), (blocks, 0.85)) if (spread := _spread(series)) is not None
    ]
    return min(max(1.0, *found), _LARGEST) if found else WITHOUT_HISTORY


def _spread(series: Sequence[float]) -> float | None:
    terms = []
    for left, middle, right in zip(series, series[1:], series[2:], strict=False):
        expected = right + 4.0 * middle + left
        if expected > 0.0:
            terms.append((right - 2.0 * middle + left) ** 2 / expected)
    if len(terms) < _SHORTEST_HISTORY:
        return None
    terms.sort()
    kept = terms[: len(terms) - int(0.02 * len(terms))]
    return sum(kept) / len(kept)


class Bursts(Value):
    """phi during the stage. Immutable: `after` returns the next one."""

    __slots__ = ("before", "block_pairs", "block_sum", "count", "pairs", "phi", "recent", "tick_sum")

    def __init__(
        self,
        before: float,
        recent: tuple[tuple[float, float, float], ...] = (),
        count: int = 0,
        tick: tuple[float, int] = (0.0, 0),
        block: tuple[float, int] = (0.0, 0),
    ) -> None:
        self.before = before
        self.recent = recent
        """(canary bad, all bad, all bad times the canary's exposure) of the last 18 ticks that counted."""
        self.count = count
        self.tick_sum, self.pairs = tick
        self.block_sum, self.block_pairs = block
        prior = _PRIOR_PAIRS * before
        self.phi = max(
            1.0,
            (prior + self.tick_sum) / (_PRIOR_PAIRS + self.pairs),
            (prior + self.block_sum) / (_PRIOR_PAIRS + self.block_pairs),
        )

    def after(self, canary_bad: float, all_bad: float, exposure: float) -> Bursts:
        """After a tick with this split: pairs of ticks 12 apart, and of whole six-tick blocks 12 ticks apart.

        Args:
            exposure: the canary's part of both arms' events, 0..1; it may change from tick to tick.
        """
        recent = (*self.recent[-(_APART + _BLOCK - 1) :], (canary_bad, all_bad, all_bad * exposure))
        count = self.count + 1
        tick, block = (self.tick_sum, self.pairs), (self.block_sum, self.block_pairs)
        if count > _APART:
            tick = _with(tick, recent[-1], recent[-1 - _APART])
        if count % _BLOCK == 0 and count >= _APART + _BLOCK:
            block = _with(block, _sum(recent[-_BLOCK:]), _sum(recent[:_BLOCK]))
        return Bursts(self.before, recent, count, tick, block)


def _sum(splits: Sequence[tuple[float, float, float]]) -> tuple[float, float, float]:
    return sum(split[0] for split in splits), sum(split[1] for split in splits), sum(split[2] for split in splits)


def _with(
    total: tuple[float, int], new: tuple[float, float, float], old: tuple[float, float, float]
) -> tuple[float, int]:
    """Pearson's X^2 of two binomial splits added, where it can be formed.

    With the exposures in it, so that a change of the weight is no burst; for equal exposures it is the plain form.
    """
    k1, all1, due1 = new
    k0, all0, due0 = old
    k, both = k1 + k0, all1 + all0
    if k <= 0.0 or k >= both or due1 <= 0.0 or due0 <= 0.0:
        return total
    return total[0] + (k1 * due0 - k0 * due1) ** 2 / ((1.0 - k / both) * k * due1 * due0), total[1] + 1
