"""One metric in full: verdict, its evidence and forecast, query, source, ticks."""

from __future__ import annotations

from datetime import UTC

from adapters.contract import Buckets, Counts, Gauge, MetricQuery, Sample
from console.judge.explanation import EvidenceKey, explain
from console.judge.wording import odds
from console.plan.nouns import Role
from console.screens.page import ScrollingPage
from console.state.assessment import is_over
from console.state.evidence_history import EvidenceHistory
from console.state.judging import current_track
from console.state.values import MetricState, SourceState, State
from widgets.evidence import mark_of
from widgets.evidence_history import evidence_history_lines
from widgets.format import age, amount, clock, count, interval, level, ratio, share, since
from widgets.line import Line, Look, Piece, align_left, align_right
from widgets.rollback import owner_suffix
from widgets.sheet import rows_of

GUTTER = 10
_ROLES = {
    Role.CRITICAL: "decides",
    Role.GUARD: "a FAIL fails the stage; its pass is not needed",
    Role.INFO: "for information only",
}
_STEP = 200
"""Ticks whose evidence is computed in one step: a few milliseconds."""
_PAUSE_S = 0.02


def drill_lines(state: State, name: str, width: int, history: EvidenceHistory | None = None) -> list[Line]:
    """Draw everything known of metric `name`, newest tick first, and `history` as far as it is computed."""
    entry = state.metrics.get(name)
    if entry is None:
        return [(Piece(f"{name} is no longer a metric of this plan", Look.WARN),)]
    room = max(width - GUTTER, 10)
    source = state.sources.get(entry.metric.backend)
    role = f"  {entry.metric.role.value}: {_ROLES[entry.metric.role]}{owner_suffix(state.plan, entry.metric.team)}"
    lines: list[Line] = [(Piece(name, Look.TITLE), Piece(role))]
    lines += _verdict(entry, room)
    lines += _explanation(state, entry, room, history)
    lines += _block("source", _source(state, entry, source), room)
    lines += _block("query", _query(entry.metric.query), room)
    lines += _block("links", [f"{label}: {url}" for label, url in entry.metric.links.items()], room)
    return [*lines, *_ticks(entry)]


def _query(query: MetricQuery) -> list[str]:
    target = [] if query.target is None else [f"of: {query.target.target}"]
    return target + [f"{part}: {text}" for part, text in query.texts()]


def _block(name: str, texts: list[str], room: int) -> list[Line]:
    rows = [row for text in texts for row in rows_of(text, room)]
    return [
        (Piece(align_left(name if index == 0 else "", GUTTER), Look.MUTED), Piece(row))
        for index, row in enumerate(rows)
    ]


def _verdict(entry: MetricState, room: int) -> list[Line]:
    verdict = entry.verdict
    if verdict is None:
        return _block("verdict", ["not assessed yet"], room)
    mark = mark_of(verdict.state, verdict.detail)
    shape = entry.metric.query.shape
    ends = interval(verdict.low, verdict.high)
    arms = (
        f"canary {amount(verdict.canary.value, shape)} (n {count(verdict.canary.n)}), "
        f"baseline {amount(verdict.baseline.value, shape)} (n {count(verdict.baseline.n)})"
    )
    found: list[Line] = [
        (Piece(align_left("verdict", GUTTER), Look.MUTED), mark.piece, Piece(f"  {age(verdict.age_s)} old", Look.MUTED))
    ]
    found += _block("", [verdict.reason, arms], room)
    if verdict.ratio is not None:
        bounds = f" {ends} (95 % interval)" if ends else ""
        has_turned = verdict.lately is not None and verdict.since
        lately = f"; {ratio(verdict.lately)} since {clock(verdict.since)}" if has_turned else ""
        found += _block("ratio", [f"canary/baseline {ratio(verdict.ratio)}{bounds} in this stage{lately}"], room)
    return found


def _explanation(state: State, entry: MetricState, room: int, history: EvidenceHistory | None) -> list[Line]:
    """The evidence of the verdict, its course over the stage, and what would change it."""
    track = current_track(entry)
    limits = f"stale after {entry.stale_after_s:g} s"
    if track is None:
        return _block("rule", [limits, "no tick judged yet"], room)
    explanation = explain(entry.metric, track, tick_s=entry.tick_s, late=entry.late, over=is_over(state, entry))
    lines = [_key(key, "" if n else "evidence") for n, key in enumerate(explanation.keys)]
    if history is not None:
        rows = evidence_history_lines(history, room, entry.tick_s)
        lines += [(Piece(align_left("" if n else "over time", GUTTER), Look.MUTED), *row) for n, row in enumerate(rows)]
    lines += _block("next", [explanation.next_change], room)
    lines += _block("forecast", list(explanation.forecast), room)
    lines += _block("rule", [*explanation.inputs, limits], room)
    return lines + _block("ticks", [explanation.ticks], room)


def _key(key: EvidenceKey, name: str) -> Line:
    """ "worse than the baseline      340:1 of 100:1  key 1 of a FAIL"."""
    mark = Piece("✓ ", Look.STRONG) if key.is_met else Piece("  ")
    return (
        Piece(align_left(name, GUTTER), Look.MUTED),
        mark,
        Piece(align_left(key.what, 30)),
        Piece(f" {align_right(odds(key.evidence), 7)}", Look.STRONG),
        Piece(f" of {align_left(f'{key.needed:g}:1', 6)} {key.consequence}", Look.MUTED),
    )


def _source(state: State, entry: MetricState, source: SourceState | None) -> list[str]:
    if source is None:
        return [f"{entry.metric.backend}: not polled"]
    found = [f"{source.name} ({source.adapter}), last answer {age(since(source.ok_at, state.as_of))} ago"]
    if source.failed_since is not None:
        found.append(f"FAILED since {source.failed_since.astimezone(UTC):%H:%M:%S}Z: {source.reason}")
    if source.skew_s is not None:
        found.append(f"its clock is off by {source.skew_s:+.1f} s")
    arms = (("canary", entry.canary_at), ("baseline", entry.baseline_at))
    newest = [f"{arm} {age(since(at, state.as_of))} old" for arm, at in arms]
    found.append(f"newest samples: {', '.join(newest)}")
    found += [text for text in (entry.problem, entry.partial) if text]
    return found


def _ticks(entry: MetricState) -> list[Line]:
    head = f"{'tick':<{GUTTER}}{'canary':>26}{'baseline':>26}"
    rows: list[Line] = [(Piece(head, Look.MUTED),)]
    for tick in reversed(entry.ledger):
        cells = [Piece(align_right(_sample(sample), 26)) for sample in (tick.canary, tick.baseline)]
        rows.append((Piece(f"{tick.at.astimezone(UTC):%H:%M:%S}Z ", Look.MUTED), *cells))
    return rows if entry.ledger else [*rows, (Piece("no tick yet", Look.WARN),)]


def _sample(sample: Sample | None) -> str:
    match sample:
        case None:
            return "gap"
        case Counts(total, bad):
            part = share(bad / total) if total else "-"
            return f"{level(bad)} of {count(total)} = {part}"
        case Buckets(total, within):
            return f"{count(total)}, {_slowest(total, within)}"
        case Gauge(value, instances):
            return f"{level(value)} ({len(instances)} apart)" if instances else level(value)


def _slowest(total: float, within: tuple[tuple[float, float], ...]) -> str:
    """ "0.9 % over 1": the share beyond the last edge that anything lies beyond."""
    beyond = [(edge, (total - inside) / total) for edge, inside in within if total > 0 and inside < total]
    return f"{share(beyond[-1][1])} over {beyond[-1][0]:g}" if beyond else "none beyond the edges"


class Drilldown(ScrollingPage):
    """One metric, live. Its evidence is computed in steps: a long rollout must not delay a key."""

    def __init__(self, state: State, metric: str) -> None:
        super().__init__(state, self.write)
        self.metric = metric
        self.history = EvidenceHistory()

    def begin(self) -> None:
        """See `Modal.begin`."""
        self._follow()

    def _follow(self) -> None:
        entry = self.state.metrics.get(self.metric) if self.state is not None else None
        if entry is None or self.state is None or not self.has_parts("#sheet"):
            return
        self.history = self.history.extend(self.state.boundaries, entry, _STEP)
        self.redraw_sheet()
        if not self.history.whole:
            self.set_timer(_PAUSE_S, self._follow)

    def watch_state(self) -> None:
        """Draw the newer State."""
        if self.history.whole:  # else the next step is due anyway
            self._follow()
        super().watch_state()

    def write(self, state: State | None, width: int) -> list[Line]:
        """Draw the metric with its evidence as far as it is computed."""
        return drill_lines(state, self.metric, width, self.history) if state is not None else []
