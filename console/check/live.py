"""The last hour of a plan's metrics as its backends tell it, and what is odd about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from adapters.contract import Counts, MetricQuery, MetricReply, Shape
from adapters.sanitize import one_line
from console.check.flow import Stream, observed
from console.check.sensitivity import lasting
from console.engine.history import MetricHistory
from console.judge.wording import per_second
from console.plan.nouns import Metric, Plan

_HOUR = timedelta(hours=1)
_FAR = 2.0
"""How many times more or less traffic than the plan says is worth a word."""


@dataclass(frozen=True, slots=True)
class LastHour:
    """What the backends answered."""

    replies: Mapping[str, MetricReply]
    faults: Mapping[str, str]
    """Backend -> why it did not answer, one line."""
    unmatched: Mapping[str, str]
    """Metric -> the selector of its bad events that matched no series of either arm, and how it fails."""


async def fetch_last_hour(plan: Plan, state_dir: Path) -> LastHour:
    """Ask every metrics backend of the plan for the last hour.

    Raises:
        ConnectError, UnknownAdapter: as `MetricHistory`.
    """
    async with MetricHistory(plan, state_dir) as hindsight:
        end = hindsight.end_of_hour()
        past = await hindsight.read(list(plan.metrics.values()), end - _HOUR, end)
        without = [
            metric
            for name, metric in plan.metrics.items()
            if name in past.replies and metric.query.bad is not None and _no_bad(past.replies[name])
        ]
        probes = [_probe(metric, arms=arms) for metric in without for arms in (True, False)]
        found = await hindsight.read(probes, end - _HOUR, end)
    unmatched = {}
    for metric, own, any_ in zip(without, probes[::2], probes[1::2], strict=True):
        if found.replies.get(own.name) is None or _seen(found.replies[own.name]):
            continue
        label = metric.query.arms.label if metric.query.arms is not None else None
        beyond = label is not None and any_.name in found.replies and _seen(found.replies[any_.name])
        unmatched[metric.name] = f"series without the label {label} of the arms" if beyond else "no series"
    return LastHour(past.replies, past.faults, unmatched)


def _no_bad(reply: MetricReply) -> bool:
    counts = [arm for reading in reply.readings for arm in (reading.canary, reading.baseline)]
    return bool(counts) and not any(count.bad for count in counts if isinstance(count, Counts))


def _probe(metric: Metric, *, arms: bool) -> Metric:
    """The selector of the bad events read as levels: whether any series answers, whatever it counted."""
    name = f"{metric.name} {'by arm' if arms else 'at all'}"
    query = MetricQuery(name, Shape.GAUGE, metric.query.arms if arms else None, value=metric.query.bad)
    return replace(metric, query=query)


def _seen(reply: MetricReply) -> bool:
    return bool(reply.readings) or reply.problem is not None


def streams(metric: Metric, hour: LastHour) -> tuple[Stream, ...]:
    """What flowed of a metric; () where it did not answer."""
    reply = hour.replies.get(metric.name)
    return () if reply is None else observed(metric, reply)


def facts(metric: Metric, hour: LastHour) -> Iterator[str]:
    """What was seen: which arms have data, how often it is scraped."""
    reply = hour.replies.get(metric.name)
    if reply is None or not reply.readings:
        return
    arms = [arm for arm in ("canary", "baseline") if any(getattr(reading, arm) for reading in reply.readings)]
    told = "both arms have data" if len(arms) == 2 else f"only the {arms[0]} has data" if arms else "no data"
    if metric.without_baseline:
        told = "without arms, so all of it counts as the canary's"
    if arms == ["baseline"]:
        told += ", as before a rollout"
    spacing = f"; scraped every {reply.spacing_s:.3g} s, so ticks of {reply.tick_s:g} s" if reply.spacing_s else ""
    yield f"{told}{spacing}"


def warnings(plan: Plan, metric: Metric, hour: LastHour) -> Iterator[str]:
    """What is odd about a metric's last hour."""
    reply = hour.replies.get(metric.name)
    if reply is None:
        return
    name = f"metric {metric.name}"
    if reply.problem is not None:
        yield f"{name}: {one_line(reply.problem)}"
        return
    if not reply.readings:
        yield f"{name}: no data within the hour: do its queries and the label of its arms match anything?"
        return
    if not any(reading.baseline for reading in reply.readings) and not metric.without_baseline:
        yield f"{name}: only the canary has data within the hour: are the arms' values exchanged?"
    if metric.name in hour.unmatched:
        part = "events" if metric.falling else "bad"
        told = f"matched {hour.unmatched[metric.name]} within the hour, which reads as zero for ever"
        yield f"{name}: its {part} selector {told}: {one_line(metric.query.bad, 120)}"
    if reply.partial is not None:
        yield f"{name}: partial answer: {one_line(reply.partial)}"
    yield from _timing(plan, metric, reply)
    for stream in observed(metric, reply)[:1]:
        expected = metric.traffic
        if expected is not None and not expected.rate / _FAR <= stream.rate <= expected.rate * _FAR:
            yield f"{name}: the plan expects {per_second(expected.rate)}, the last hour had {per_second(stream.rate)}"


def _timing(plan: Plan, metric: Metric, reply: MetricReply) -> Iterator[str]:
    spacing_s = reply.spacing_s
    if spacing_s is None:
        return
    every = lasting(spacing_s)
    if plan.timing.tick_s is not None and plan.timing.tick_s < 0.95 * spacing_s:
        yield f"metric {metric.name}: scraped every {every}, but the plan's tick is {plan.timing.tick_s:g} s: gaps"
    if metric.stale_after_s is not None and metric.stale_after_s <= spacing_s:
        yield f"metric {metric.name}: scraped every {every}, but stale after {metric.stale_after_s:g} s"
