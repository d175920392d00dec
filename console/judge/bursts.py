"""The burst factor phi: variance of the errors' split over that of independent errors.

phi is 1 or more, and evidence is divided by it. Before the stage it is estimated from the baseline's own errors, during
the stage from changes of the canary's share between neighboring ticks, which a common drift of the error rate does not
affect. A tick is judged with the phi of earlier ticks only.
"""

from __future__ import annotations

from collections.abc import Sequence

from console.judge.value import Value

WITHOUT_HISTORY = 1.5
"""phi before the stage without a history."""
_LARGEST = 8.0
_PRIOR_PAIRS = 10
"""Weight of the value from before the stage, in pairs of ticks."""
_APART = 12
_BLOCK = 6
_SHORTEST_HISTORY = 12
"""Fewest windows of three neighbors for an estimate from history."""


def phi_before(bad: Sequence[float]) -> float:
    """phi from the baseline's bad events per tick over the last hour.

    For the ticks and for blocks of six: the mean of squared second differences over their expectation for a Poisson
    count, after dropping the top 2 %; the factors 0.95 and 0.85 correct the bias of that. The larger of both, within
    [1, 8]. `WITHOUT_HISTORY` if the series is too short or has no event.

    Args:
        bad: bad events per tick, oldest first, without gaps.
    """
    blocks = [sum(bad[i : i + _BLOCK]) for i in range(0, len(bad) - _BLOCK + 1, _BLOCK)]
    spreads = ((_spread(bad), 0.95), (_spread(blocks), 0.85))
    found = [factor * spread for spread, factor in spreads if spread is not None]
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


_Split = tuple[float, float, float, int]
"""(canary bad, all bad, all bad times the canary's exposure, stage) of a tick"""


class Bursts(Value):
    """phi during the stage. Immutable."""

    __slots__ = ("before", "block_pairs", "block_sum", "count", "pairs", "phi", "recent", "stage", "tick_sum")

    def __init__(
        self,
        before: float,
        recent: tuple[_Split, ...] = (),
        count: int = 0,
        tick: tuple[float, int] = (0.0, 0),
        block: tuple[float, int] = (0.0, 0),
        stage: int = 0,
    ) -> None:
        self.before = before
        self.recent = recent
        """Splits of the last 18 ticks that counted."""
        self.count = count
        self.tick_sum, self.pairs = tick
        self.block_sum, self.block_pairs = block
        self.stage = stage
        """Number of earlier stages."""
        prior = _PRIOR_PAIRS * before
        self.phi = max(
            1.0,
            (prior + self.tick_sum) / (_PRIOR_PAIRS + self.pairs),
            (prior + self.block_sum) / (_PRIOR_PAIRS + self.block_pairs),
        )

    def next_stage(self) -> Bursts:
        """The estimate at a new stage, which may have another weight."""
        tick, block = (self.tick_sum, self.pairs), (self.block_sum, self.block_pairs)
        return Bursts(self.before, self.recent, self.count, tick, block, self.stage + 1)

    def after(self, canary_bad: float, all_bad: float, exposure: float) -> Bursts:
        """The estimate after a tick.

        It adds a pair of ticks 12 apart, and at the end of a six-tick block a pair of blocks 12 ticks apart.

        Args:
            canary_bad, all_bad: bad events of the canary, and of both arms.
            exposure: the canary's part of both arms' events, 0..1.
        """
        recent = (*self.recent[-(_APART + _BLOCK - 1) :], (canary_bad, all_bad, all_bad * exposure, self.stage))
        count = self.count + 1
        tick, block = (self.tick_sum, self.pairs), (self.block_sum, self.block_pairs)
        if count > _APART:
            tick = _with(tick, recent[-1:], recent[-1 - _APART : -_APART])
        if count % _BLOCK == 0 and count >= _APART + _BLOCK:
            block = _with(block, recent[-_BLOCK:], recent[:_BLOCK])
        return Bursts(self.before, recent, count, tick, block, self.stage)


def _with(total: tuple[float, int], new: Sequence[_Split], old: Sequence[_Split]) -> tuple[float, int]:
    """`total` with Pearson's X^2 of two binomial splits added, where it can be formed.

    Between two stages the exposures are used, so that a change of the weight is no burst. Within a stage both are taken
    to have the same exposure, as in the formula; its chance variation is then part of the spread.
    """
    k1, k0 = sum([split[0] for split in new]), sum([split[0] for split in old])
    all1, all0 = sum([split[1] for split in new]), sum([split[1] for split in old])
    k, both = k1 + k0, all1 + all0
    due1, due0 = all1, all0
    if new[-1][3] != old[0][3]:
        due1, due0 = sum([split[2] for split in new]), sum([split[2] for split in old])
    if k <= 0.0 or k >= both or due1 <= 0.0 or due0 <= 0.0:
        return total
    return total[0] + (k1 * due0 - k0 * due1) ** 2 / ((1.0 - k / both) * k * due1 * due0), total[1] + 1
