"""The traffic of one metric, from the plan or from an hour of ticks. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.contract import Buckets, Counts, MetricReply, Shape
from console.judge.bursts import WITHOUT_HISTORY, phi_before
from console.judge.latency import QUANTILES, chosen_edges, slow_counts
from console.judge.policy import is_judgeable
from console.judge.wording import per_second, share
from console.plan.nouns import TICK_S, Metric, Timing


@dataclass(frozen=True, slots=True)
class Stream:
    """Events of a metric, some of them bad, both arms together."""

    metric: Metric
    rate: float
    """Events per second of both arms."""
    bad: float
    """The baseline's share of bad events, 0..1; where lower is worse, the share of events that are counted."""
    tick_s: float = TICK_S
    phi: float = WITHOUT_HISTORY
    slower_than: str = ""
    """For a histogram: the latency from which a request is bad here."""

    def __str__(self) -> str:
        kind = f" slower than {self.slower_than}" if self.slower_than else " bad" if not self.metric.falling else ""
        return f"{per_second(self.rate)}, {share(self.bad)}{kind}"


def planned_streams(metric: Metric, timing: Timing) -> tuple[Stream, ...]:
    """The streams that the plan's `traffic` expects.

    A histogram has two, at its p90 and p99; a gauge and a metric without `traffic` have none.
    """
    traffic = metric.traffic
    if traffic is None or metric.query.shape is Shape.GAUGE:
        return ()
    tick_s = timing.tick_for(None)
    if metric.query.shape is Shape.HISTOGRAM:
        tails = [(1.0 - quantile, f"its p{quantile * 100:g}") for quantile in QUANTILES]
        return tuple(Stream(metric, traffic.rate, bad, tick_s, slower_than=edge) for bad, edge in tails)
    return (Stream(metric, traffic.rate, traffic.bad, tick_s),)


def observed_streams(metric: Metric, reply: MetricReply) -> tuple[Stream, ...]:
    """The streams of an hour of readings; () where nothing flowed, or for a gauge.

    The share of bad events and their burstiness are the baseline's, or the canary's where there is no baseline.
    """
    canary = [sample for reading in reply.readings if (sample := reading.canary) is not None and is_judgeable(sample)]
    baseline = [each for reading in reply.readings if (each := reading.baseline) is not None and is_judgeable(each)]
    base = baseline or canary
    # gaps count too: a quiet minute is traffic as well
    span_s = (reply.readings[-1].at - reply.readings[0].at).total_seconds() + reply.tick_s if reply.readings else 0.0
    total = sum(sample.total for sample in (*canary, *baseline) if isinstance(sample, Counts | Buckets))
    if not base or span_s <= 0.0 or total <= 0.0 or metric.query.shape is Shape.GAUGE:
        return ()
    rate = total / span_s
    if metric.query.shape is not Shape.HISTOGRAM:
        return (_counted_stream(metric, rate, [sample for sample in base if isinstance(sample, Counts)], reply.tick_s),)
    buckets = [sample for sample in base if isinstance(sample, Buckets)]
    found = []
    for edge in chosen_edges(buckets):
        counts = [count for sample in buckets if (count := slow_counts(sample, edge)) is not None]
        found.append(_counted_stream(metric, rate, counts, reply.tick_s, f"{edge:g}"))
    return tuple(found)


def _counted_stream(
    metric: Metric, rate: float, counts: Sequence[Counts], tick_s: float, slower_than: str = ""
) -> Stream:
    total, bad = sum(count.total for count in counts), sum(count.bad for count in counts)
    phi = phi_before([count.bad for count in counts])
    return Stream(metric, rate, bad / total if total > 0.0 else 0.0, tick_s, phi, slower_than)
