"""Print a replay: one table per metric and stage, or JSON Lines. At most 80 columns wide, as names allow."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from console.backtest.moments import iso, utc
from console.backtest.replay import VerdictChange
from console.judge.verdict import VerdictState
from console.judge.wording import odds, span, times


@dataclass(frozen=True, slots=True)
class Summary:
    """The result of one metric. Times are starts of ticks, unix seconds."""

    first_fail_at: float | None = None
    first_pass_at: float | None = None
    ticks: int = 0
    """Ticks that counted."""
    dirty: int = 0
    """Samples that could not be counted."""


def change_json(change: VerdictChange) -> str:
    """One change as a JSON line; a number that is missing or not finite is null."""
    verdict = change.verdict
    fields = {
        "at": iso(change.at),
        "metric": change.metric,
        "stage": change.stage,
        "state": verdict.state.value,
        "detail": verdict.detail if verdict.state is VerdictState.UNSURE else None,
        "evidence": _finite(verdict.evidence),
        "trivial": _finite(verdict.trivial),
        "ready": _finite(verdict.ready),
        "ratio": _finite(verdict.ratio),
        "low": _finite(verdict.low),
        "high": _finite(verdict.high),
        "since": None if verdict.since is None else iso(verdict.since.timestamp()),
        "reason": verdict.reason,
    }
    return json.dumps(fields, ensure_ascii=False, allow_nan=False)


def summary_json(summaries: Mapping[str, Summary]) -> str:
    """The last line of `--json`: every metric's summary as a JSON object."""
    shown = {}
    for name, one in summaries.items():
        fail_at, pass_at = (None if at is None else iso(at) for at in (one.first_fail_at, one.first_pass_at))
        shown[name] = {"first_fail_at": fail_at, "first_pass_at": pass_at, "ticks": one.ticks, "dirty": one.dirty}
    return json.dumps({"summary": shown}, ensure_ascii=False, allow_nan=False)


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None


_HEAD = f"  {'tick (UTC)':<20} {'state':<19} {'evidence':>8} {'for pass':>8} {'ratio':>7}  95 %"


def change_lines(changes: Iterable[VerdictChange]) -> Iterator[str]:
    """The changes of one metric, one table per stage. "evidence" and "for pass" are odds: so many to one."""
    stage: str | None = None
    first = True
    for change in changes:
        if first or change.stage != stage:
            yield f"{change.metric}, {f'stage {change.stage}' if change.stage is not None else 'not exposed'}"
            yield _HEAD
            first, stage = False, change.stage
        yield _row(change)
        verdict = change.verdict
        silent = verdict.state in (VerdictState.NO_DATA, VerdictState.STALE)
        if silent or verdict.evidence is None or " limit of " in verdict.reason:  # the numbers do not show it
            yield f"    {verdict.reason}"
    if not first:
        yield ""


def _row(change: VerdictChange) -> str:
    verdict = change.verdict
    known = verdict.state not in (VerdictState.NO_DATA, VerdictState.STALE)
    evidence = [odds(value) if value is not None and known else "-" for value in (verdict.evidence, verdict.ready)]
    ratio = "-" if verdict.ratio is None or not known else "inf" if math.isinf(verdict.ratio) else times(verdict.ratio)
    low, high = verdict.low or 0.0, math.inf if verdict.high is None else verdict.high
    interval = span(low, high) if known and (low, high) != (0.0, math.inf) else "-"
    state = f"{verdict.state.value} {verdict.detail}" if verdict.state is VerdictState.UNSURE else verdict.state.value
    state += f" ({verdict.detail})" if verdict.state is VerdictState.PASS and verdict.detail else ""
    return f"  {_clock(change.at):<20} {state:<19} {evidence[0]:>8} {evidence[1]:>8} {ratio:>7}  {interval}"


def summary_lines(summaries: Mapping[str, Summary]) -> Iterator[str]:
    """A header, and one line per metric."""
    yield f"{'first fail (UTC)':<20} {'first pass (UTC)':<20} {'ticks':>7} {'dirty':>6}  metric"
    for name, one in summaries.items():
        moments = ["-" if at is None else _clock(at) for at in (one.first_fail_at, one.first_pass_at)]
        yield f"{moments[0]:<20} {moments[1]:<20} {one.ticks:>7} {one.dirty:>6}  {name}"


def _clock(at: float) -> str:
    """`2026-03-02 12:00:00`; a tick may be shorter than a second."""
    when = utc(at)
    return f"{when:%Y-%m-%d %H:%M:%S}{f'.{when.microsecond // 1000:03d}' if when.microsecond else ''}"
