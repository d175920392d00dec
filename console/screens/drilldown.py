"""One metric in full: verdict and interval, the query texts as typed, the values tick by tick, source and links."""

from __future__ import annotations

from datetime import UTC, datetime

from adapters.contract import Buckets, Counts, Gauge, Sample, Shape
from console.plan.nouns import Metric
from console.screens.page import Page
from console.state.values import MetricState, SourceState, State
from widgets.amounts import age, amount, count, interval, level, ratio, share, since
from widgets.line import Line, Look, Piece, left, right
from widgets.marks import VERDICTS
from widgets.rollback import owner
from widgets.sheet import rows_of

GUTTER = 10


def drill_lines(state: State, name: str, width: int) -> list[Line]:
    """Everything known of metric `name`, newest tick first, in `width` cells."""
    entry = state.metrics.get(name)
    if entry is None:
        return [(Piece(f"{name} is not a metric of this plan any more", Look.WARN),)]
    room = max(width - GUTTER, 10)
    source = state.sources.get(entry.metric.backend)
    lines: list[Line] = [(Piece(name, Look.TITLE), Piece(f"  {entry.metric.role.value}{_team(state, entry.metric)}"))]
    lines += _verdict(entry, room)
    lines += _block("rule", [_rule(entry)], room)
    lines += _block("source", _source(state, entry, source), room)
    lines += _block("query", [f"{part}: {text}" for part, text in entry.metric.query.texts()], room)
    lines += _block("links", [f"{label}: {url}" for label, url in entry.metric.links.items()], room)
    return [*lines, *_ticks(entry)]


def _team(state: State, metric: Metric) -> str:
    return owner(state.plan, metric.team)


def _block(name: str, texts: list[str], room: int) -> list[Line]:
    rows = [row for text in texts for row in rows_of(text, room)]
    return [(Piece(left(name if index == 0 else "", GUTTER), Look.MUTED), Piece(row)) for index, row in enumerate(rows)]


def _verdict(entry: MetricState, room: int) -> list[Line]:
    said = entry.verdict
    if said is None:
        return _block("verdict", ["not assessed yet"], room)
    mark = VERDICTS[said.state]
    shape = entry.metric.query.shape
    ends = interval(said.low, said.high)
    arms = (
        f"canary {amount(said.canary.value, shape)} (n {count(said.canary.n)}), "
        f"baseline {amount(said.baseline.value, shape)} (n {count(said.baseline.n)})"
    )
    found: list[Line] = [
        (Piece(left("verdict", GUTTER), Look.MUTED), mark.piece, Piece(f"  {age(said.age_s)} old", Look.MUTED))
    ]
    found += _block("", [said.reason, arms], room)
    if said.ratio is not None:
        found += _block("ratio", [f"canary/baseline {ratio(said.ratio)} {ends} (95 % interval)"], room)
    return found


def _rule(entry: MetricState) -> str:
    """What it is judged by, in the plan's own numbers."""
    metric = entry.metric
    parts = [f"fails above {metric.tolerance:g}x", f"passes when {metric.pass_below:g}x is excluded"]
    if metric.limit is not None:
        parts.append(f"limit {amount(metric.limit, metric.query.shape)}")
    if metric.query.shape is not Shape.GAUGE:
        parts.append(f"below {share(metric.negligible)} nothing matters")
    return "; ".join([*parts, f"stale after {entry.stale_after_s:g} s"])


def _source(state: State, entry: MetricState, source: SourceState | None) -> list[str]:
    if source is None:
        return [f"{entry.metric.backend}: not polled"]
    found = [f"{source.name} ({source.adapter}), last answer {age(since(source.ok_at, state.as_of))} ago"]
    if source.failed_since is not None:
        found.append(f"FAILED since {source.failed_since.astimezone(UTC):%H:%M:%S}Z: {source.reason}")
    if source.skew_s is not None:
        found.append(f"its clock is off by {source.skew_s:+.1f} s")
    newest = [f"{arm} {age(since(at, state.as_of))} old" for arm, at in _arms(entry)]
    found.append(f"newest samples: {', '.join(newest)}")
    found += [text for text in (entry.problem, entry.partial) if text]
    return found


def _arms(entry: MetricState) -> tuple[tuple[str, datetime | None], ...]:
    return (("canary", entry.canary_at), ("baseline", entry.baseline_at))


def _ticks(entry: MetricState) -> list[Line]:
    head = f"{'tick':<{GUTTER}}{'canary':>26}{'baseline':>26}"
    rows: list[Line] = [(Piece(head, Look.MUTED),)]
    for tick in reversed(entry.ledger):
        cells = [Piece(right(_sample(sample), 26)) for sample in (tick.canary, tick.baseline)]
        rows.append((Piece(f"{tick.at.astimezone(UTC):%H:%M:%S}Z ", Look.MUTED), *cells))
    return rows if entry.ledger else [*rows, (Piece("no tick yet", Look.WARN),)]


def _sample(sample: Sample | None) -> str:
    match sample:
        case None:
            return "gap"
        case Counts(total, bad):
            part = share(bad / total) if total else "-"
            return f"{level(bad)} of {count(total)} = {part}"
        case Buckets(total, _):
            return f"{count(total)} requests"
        case Gauge(value):
            return level(value)


class Drilldown(Page):
    """One metric, live."""

    def __init__(self, state: State, metric: str) -> None:
        super().__init__(state)
        self.metric = metric

    def write(self, width: int, _height: int) -> list[Line]:
        return drill_lines(self.state, self.metric, width) if self.state is not None else []
