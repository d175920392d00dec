"""Read the last hour of a plan's metrics, and warn about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from adapters.contract import Counts, MetricQuery, MetricReply, Shape
from adapters.sanitize import one_line
from console.check.flow import Stream, observed_streams
from console.check.sensitivity import duration_text
from console.engine.history import MetricHistory
from console.judge.wording import per_second
from console.plan.nouns import Metric, Plan

_HOUR = timedelta(hours=1)
_FAR = 2.0
"""Factor between the plan's traffic and the last hour's from which a warning is given."""


@dataclass(frozen=True, slots=True)
class LastHour:
    """Replies of the metrics backends for one hour."""

    replies: Mapping[str, MetricReply]
    faults: Mapping[str, str]
    """Backend -> why it did not answer, one line."""
    unmatched: Mapping[str, str]
    """Metric whose selector of bad events matched no series of either arm -> how it fails."""


async def fetch_last_hour(plan: Plan, state_dir: Path) -> LastHour:
    """Read the last hour from every metrics backend of the plan.

    Raises:
        ConnectError, UnknownAdapter: as `MetricHistory`.
    """
    async with MetricHistory(plan, state_dir) as history:
        end = history.end_of_hour()
        past = await history.read(list(plan.metrics.values()), end - _HOUR, end)
        counted = [plan.metrics[name] for name in plan.metrics if name in past.replies]
        without = [each for each in counted if each.query.bad is not None and _has_no_bad(past.replies[each.name])]
        probes = [_probe(metric, arms=arms) for metric in without for arms in (True, False)]
        found = await history.read(probes, end - _HOUR, end)
    unmatched = {}
    for metric, own, any_ in zip(without, probes[::2], probes[1::2], strict=True):
        if found.replies.get(own.name) is None or _has_answer(found.replies[own.name]):
            continue
        label = metric.query.arms.label if metric.query.arms is not None else None
        beyond = label is not None and any_.name in found.replies and _has_answer(found.replies[any_.name])
        unmatched[metric.name] = f"series without the label {label} of the arms" if beyond else "no series"
    return LastHour(past.replies, past.faults, unmatched)


def _has_no_bad(reply: MetricReply) -> bool:
    counts = [arm for reading in reply.readings for arm in (reading.canary, reading.baseline)]
    return bool(counts) and not any(count.bad for count in counts if isinstance(count, Counts))


def _probe(metric: Metric, *, arms: bool) -> Metric:
    """A gauge query of the bad events' selector: it shows whether any series matches, at any count."""
    name = f"{metric.name} {'by arm' if arms else 'at all'}"
    query = MetricQuery(name, Shape.GAUGE, metric.query.arms if arms else None, value=metric.query.bad)
    return replace(metric, query=query)


def _has_answer(reply: MetricReply) -> bool:
    return bool(reply.readings) or reply.problem is not None


def hour_streams(metric: Metric, hour: LastHour) -> tuple[Stream, ...]:
    """The streams of a metric in the last hour; () where its backend did not answer."""
    reply = hour.replies.get(metric.name)
    return () if reply is None else observed_streams(metric, reply)


def facts(metric: Metric, hour: LastHour) -> Iterator[str]:
    """Which arms of a metric have data, and how often it is scraped: one line, or none."""
    reply = hour.replies.get(metric.name)
    if reply is None or not reply.readings:
        return
    arms = [arm for arm in ("canary", "baseline") if any(getattr(reading, arm) for reading in reply.readings)]
    text = "both arms have data" if len(arms) == 2 else f"only the {arms[0]} has data" if arms else "no data"
    if metric.without_baseline:
        text = "without arms, so all of it counts as the canary's"
    if arms == ["baseline"]:
        text += ", as before a rollout"
    spacing = f"; scraped every {reply.spacing_s:.3g} s, so ticks of {reply.tick_s:g} s" if reply.spacing_s else ""
    yield f"{text}{spacing}"


def warnings(plan: Plan, metric: Metric, hour: LastHour) -> Iterator[str]:
    """Warnings about a metric's last hour, one line each."""
    reply = hour.replies.get(metric.name)
    if reply is None:
        return
    name = f"metric {metric.name}"
    if reply.problem is not None:
        yield f"{name}: {one_line(reply.problem)}"
        return
    if not reply.readings:
        yield f"{name}: no data within the hour: check its queries and the label of its arms"
        return
    if not any(reading.baseline for reading in reply.readings) and not metric.without_baseline:
        yield f"{name}: only the canary has data within the hour: check that the arms' values are not exchanged"
    if metric.name in hour.unmatched:
        part = "events" if metric.falling else "bad"
        fault = f"matched {hour.unmatched[metric.name]} within the hour, so it always reads as zero"
        yield f"{name}: its {part} selector {fault}: {one_line(metric.query.bad, 120)}"
    if reply.partial is not None:
        yield f"{name}: partial answer: {one_line(reply.partial)}"
    yield from _timing(plan, metric, reply)
    for stream in observed_streams(metric, reply)[:1]:
        expected = metric.traffic
        if expected is not None and not expected.rate / _FAR <= stream.rate <= expected.rate * _FAR:
            yield f"{name}: the plan expects {per_second(expected.rate)}, the last hour had {per_second(stream.rate)}"


def _timing(plan: Plan, metric: Metric, reply: MetricReply) -> Iterator[str]:
    spacing_s = reply.spacing_s
    if spacing_s is None:
        return
    every = duration_text(spacing_s)
    if plan.timing.tick_s is not None and plan.timing.tick_s < 0.95 * spacing_s:
        yield f"metric {metric.name}: scraped every {every}, but the plan's tick is {plan.timing.tick_s:g} s: gaps"
    if metric.stale_after_s is not None and metric.stale_after_s <= spacing_s:
        yield f"metric {metric.name}: scraped every {every}, but stale after {metric.stale_after_s:g} s"
