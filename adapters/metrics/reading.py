"""Turn raw series into a metric's reply: arms, ticks, freshness, flaws. Pure.

A long range is read in pieces, the newest first: an hour of many series is more than one reply may hold. Older pieces
are history: the newest never waits for them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from adapters.contract import ArmLabels, Buckets, Counts, MetricQuery, MetricReply, Reading, Sample, Shape, Window
from adapters.metrics.counters import (
    LOOKBACK_S,
    Origin,
    RawSeries,
    Ticks,
    clean_series,
    count,
    levels,
    newest_at,
    spacing_s,
)


@dataclass(frozen=True, slots=True)
class QueryAnswer:
    """A backend's answer to one query text."""

    series: tuple[RawSeries, ...]
    partial: str | None = None
    """The reason why it is incomplete, in the backend's words; None where it is whole."""


PIECE_S = 1200.0
"""The longest piece, in seconds; a poll that continues the last one fits in one."""


def pieces_of(now: datetime, window: Window) -> list[tuple[float, float]]:
    """Cut the range to read into (end, length) in seconds, the newest first. It begins before the window's anchors.

    A window that ended long ago is read as of its end, or the reply would hold everything since then.
    """
    until = window.end if (now - window.end).total_seconds() > LOOKBACK_S else now
    left_s = max(0.0, (until - window.start).total_seconds()) + LOOKBACK_S
    end, found = until.timestamp(), []
    while left_s > 0.0:
        length = min(left_s, PIECE_S)
        found.append((end, length))
        end, left_s = end - length, left_s - length
    return found


def join_pieces(pieces: Sequence[QueryAnswer]) -> QueryAnswer:
    """Join pieces, the newest first, into one answer. A sample on the border of two may be in both."""
    if len(pieces) == 1:
        return pieces[0]
    samples: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = {}
    for piece in reversed(pieces):
        for one in piece.series:
            own = samples.setdefault(tuple(sorted(one.labels.items())), [])
            own += [sample for sample in one.samples if not own or sample[0] > own[-1][0]]
    partial = next((piece.partial for piece in pieces if piece.partial is not None), None)
    return QueryAnswer(tuple(RawSeries(dict(labels), own) for labels, own in samples.items()), partial)


def counts_reply(query: MetricQuery, answers: Mapping[str, QueryAnswer], window: Window) -> MetricReply:
    """Make the reply for a metric of counts or of good and total.

    Args:
        answers: part ("total" and "bad" or "good") -> raw samples from before the window until now.

    A tick of an arm has counts where its total has a sample; a part without one there adds nothing, so no error series
    beside traffic is no error. A tick whose parts contradict each other (more bad than total) is dropped and counted
    as dirty. Good series missing in both arms are a problem, not a hundred per cent of errors: the text is wrong.
    """
    part = "good" if query.shape is Shape.GOOD_TOTAL else "bad"
    total, dirty = clean_series(answers["total"].series, window)
    share, more_dirty = clean_series(answers[part].series, window)
    dirty += more_dirty
    if part == "good" and total and not share:
        return MetricReply(query.metric, problem="no series matches the good query")
    origin = Origin.of(total, share)
    samples: tuple[dict[int, Sample], dict[int, Sample]] = ({}, {})
    came_back = 0
    for arm, found in enumerate(samples):
        traffic = count(_of_arm(total, query.arms, arm), origin, window)
        events = count(_of_arm(share, query.arms, arm), origin, window)
        for index, all_events in traffic.by_tick.items():
            some = events.by_tick.get(index, 0.0)
            if some <= all_events:
                found[index] = Counts(total=all_events, bad=all_events - some if part == "good" else some)
        dirty += len(traffic.by_tick) - len(found)
        came_back += traffic.came_back + events.came_back
    odd = [*(answer.partial for answer in answers.values()), dropped_note(dirty), _came_back_note(came_back)]
    return _reply(query, samples, total, odd, window)


def histogram_reply(query: MetricQuery, answer: QueryAnswer, window: Window) -> MetricReply:
    """Make the reply for a histogram. Per tick the requests of each cumulative bucket, by the label `le`.

    A tick of an arm has buckets where its `+Inf` bucket has a sample; a bucket without one there counted nothing new.
    An arm has the edges that it has series for. A scrape of which one bucket is dirty counts for none of them: the
    others' requests would be in this tick and the dirty one's in the next.
    """
    series, dirty = clean_series(_whole_scrapes(answer.series), window)
    edged = [(edge, one) for one in series if (edge := _edge(one)) is not None]
    whole = [one for edge, one in edged if math.isinf(edge)]
    if edged and not whole:
        return MetricReply(query.metric, problem='the buckets have no le="+Inf", so the total is unknown')
    origin = Origin.of(whole, [one for edge, one in edged if not math.isinf(edge)])
    samples: tuple[dict[int, Sample], dict[int, Sample]] = ({}, {})
    came_back = 0
    for arm, found in enumerate(samples):
        total = count(_of_arm(whole, query.arms, arm), origin, window)
        came_back += total.came_back
        by_edge: dict[float, list[RawSeries]] = {}
        for edge, one in edged:
            if not math.isinf(edge) and _of_arm([one], query.arms, arm):
                by_edge.setdefault(edge, []).append(one)
        counted_edges = [(edge, count(by_edge[edge], origin, window).by_tick) for edge in sorted(by_edge)]
        for index, requests in total.by_tick.items():
            within = ((edge, min(by_tick.get(index, 0.0), requests)) for edge, by_tick in counted_edges)
            found[index] = Buckets(requests, tuple(within))
    return _reply(query, samples, whole, [answer.partial, dropped_note(dirty), _came_back_note(came_back)], window)


def dropped_note(dirty: int) -> str | None:
    """Say how many impossible samples were dropped; None for none."""
    return f"{dirty} dirty sample{'s' * (dirty > 1)} dropped" if dirty else None


def _came_back_note(came_back: int) -> str | None:
    """Say how many series reappeared after a gap. None for none."""
    return f"{came_back} series reappeared after a gap, counted from there" if came_back else None


def _whole_scrapes(series: Iterable[RawSeries]) -> list[RawSeries]:
    """Drop each scrape of a histogram of which one bucket is impossible."""
    groups: dict[tuple[tuple[str, str], ...], list[RawSeries]] = {}
    for one in series:
        named = tuple(sorted((name, value) for name, value in one.labels.items() if name != "le"))
        groups.setdefault(named, []).append(one)
    kept: list[RawSeries] = []
    for group in groups.values():
        dirty = {at for one in group for at, value in one.samples if not 0.0 <= value < math.inf}
        if not dirty:
            kept += group
            continue
        for one in group:  # the impossible samples themselves stay: they are counted and dropped later
            samples = [(at, value) for at, value in one.samples if at not in dirty or not 0.0 <= value < math.inf]
            kept.append(RawSeries(one.labels, samples))
    return kept


def _edge(series: RawSeries) -> float | None:
    """The upper edge of a bucket, infinite for the last. None for a series that is no bucket."""
    try:
        edge = float(series.labels.get("le", ""))
    except ValueError:
        return None
    return None if math.isnan(edge) else edge


def gauge_reply(query: MetricQuery, answer: QueryAnswer, window: Window) -> MetricReply:
    """Make the reply for a gauge. Per tick the mean of the last value of each of an arm's series; NaN is a gap."""
    found = [levels(_of_arm(answer.series, query.arms, arm), window) for arm in (0, 1)]
    return _reply(query, found, answer.series, [answer.partial], window)


def _reply(
    query: MetricQuery,
    samples: Sequence[Mapping[int, Sample]],
    dated: Iterable[RawSeries],
    odd: Iterable[str | None],
    window: Window,
) -> MetricReply:
    """Put both arms' ticks on one axis. The newest samples of `dated` give each arm's freshness."""
    canary, baseline = samples
    tick_s = Ticks(window).tick_s
    readings = tuple(
        Reading(datetime.fromtimestamp(index * tick_s, UTC), canary.get(index), baseline.get(index))
        for index in sorted(canary.keys() | baseline.keys())
    )
    series = list(dated)
    reasons = list(dict.fromkeys(reason for reason in odd if reason))
    return MetricReply(
        query.metric,
        readings,
        canary_at=_utc(newest_at(_of_arm(series, query.arms, 0))),
        baseline_at=_utc(newest_at(_of_arm(series, query.arms, 1))),
        partial="; ".join(reasons) or None,
        spacing_s=spacing_s(series),
    )


def _of_arm(series: Iterable[RawSeries], arms: ArmLabels | None, arm: int) -> list[RawSeries]:
    """The series of the canary (0) or the baseline (1). Without arms all are the canary's."""
    if arms is None:
        return list(series) if arm == 0 else []
    value = (arms.canary, arms.baseline)[arm]
    return [one for one in series if one.labels.get(arms.label) == value]


def _utc(at: float | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at, UTC)
