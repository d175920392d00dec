"""Metrics: queries to a backend, the ticks of a window, and the samples of each arm in them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from adapters.contract.targets import TargetRef


class Shape(StrEnum):
    """The kind of numbers that a metric has."""

    COUNTS = "counts"
    """bad events among total events"""
    GOOD_TOTAL = "good_total"
    """good events among total events; the adapter answers with Counts, bad = total - good"""
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    """requests by how long they took, in cumulative buckets"""


@dataclass(frozen=True, slots=True)
class ArmLabels:
    """The label, and its two values, by which a backend's series are split into arms."""

    label: str
    canary: str
    baseline: str
    of: str | None = None
    """The target whose versions the values are; they are put in before a backend is asked. "" matches nothing."""


@dataclass(frozen=True, slots=True)
class MetricQuery:
    """One metric to read. The query texts are the operator's own and are shown as typed."""

    metric: str
    shape: Shape
    arms: ArmLabels | None = None
    total: str | None = None
    bad: str | None = None
    good: str | None = None
    value: str | None = None
    buckets: str | None = None
    target: TargetRef | None = None
    """The target whose own measurement `value` names, at a backend that measures its targets itself."""

    def texts(self) -> tuple[tuple[str, str], ...]:
        """(part, query) pairs that are set, for the drill-down."""
        parts = {"bad": self.bad, "good": self.good, "total": self.total, "value": self.value, "buckets": self.buckets}
        return tuple((name, text) for name, text in parts.items() if text is not None)


@dataclass(frozen=True, slots=True)
class Window:
    """The ticks to read: [start, end) in UTC, cut into ticks of `tick_s` seconds aligned to the epoch."""

    start: datetime
    end: datetime
    tick_s: float


@dataclass(frozen=True, slots=True)
class Counts:
    """Events of one arm within one tick."""

    total: float
    bad: float


@dataclass(frozen=True, slots=True)
class Gauge:
    """A level of one arm within one tick: its last value."""

    value: float
    """The mean over the arm's instances."""
    instances: tuple[float, ...] = ()
    """The same per instance, always in the same order, where the backend tells several apart."""


@dataclass(frozen=True, slots=True)
class Buckets:
    """Requests of one arm within one tick by how long they took: a cumulative histogram."""

    total: float
    within: tuple[tuple[float, float], ...]
    """(edge, requests that took at most `edge`) by rising edge, in the histogram's own unit; without the last, +Inf."""


Sample = Counts | Gauge | Buckets


@dataclass(frozen=True, slots=True)
class Reading:
    """One tick of one metric for both arms. An arm without samples in this tick is None: a gap, never a zero."""

    at: datetime
    """Start of the tick, UTC."""
    canary: Sample | None
    baseline: Sample | None


@dataclass(frozen=True, slots=True)
class MetricReply:
    """A backend's answer for one metric. Ticks near `end` may be incomplete and are read again by the next poll."""

    metric: str
    readings: tuple[Reading, ...] = ()
    canary_at: datetime | None = None
    """Newest sample's own time, per arm; None when that arm has no series at all."""
    baseline_at: datetime | None = None
    partial: str | None = None
    """Why this answer is not whole (a warning, a truncation): never a pass."""
    problem: str | None = None
    """Why this metric could not be read at all though its source answered (a query error)."""
    spacing_s: float | None = None
    """Observed seconds between samples (the scrape interval); None where it is not known."""
    tick_s: float = 10.0
    """Length of the ticks in `readings`, in seconds: that of the window."""
