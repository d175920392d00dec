"""Recognize a query as a share of events, a quantile or a number. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from console.manifests.bound import Bound
from console.manifests.promql.tree import Aggregation, Binary, Expr, FunctionCall, Number, Range, Selector

_COUNTING = frozenset({"rate", "irate", "increase"})
_BAD_NAME = re.compile(r"err|fail|reject|drop|timeout|5xx|exception|abort", re.IGNORECASE)
_GOOD_NAME = re.compile(r"success|succeed|(^|_)ok(_|$)|good", re.IGNORECASE)
_NOT_EVENTS = re.compile(r"_(sum|seconds|seconds_total|bytes|bytes_total)$")
_BAD_VALUE = re.compile(r"5|err|fail", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Scaled:
    """`offset + factor * core`."""

    core: Expr
    offset: float = 0.0
    factor: float = 1.0
    zero_filled: bool = False
    """True where the query has `or vector(0)`."""


@dataclass(frozen=True, slots=True)
class Share:
    """Events of one selector among events of another."""

    part: Selector
    whole: Selector
    split_by: tuple[str, ...] = ()
    """Labels by which the manifest groups the events."""


@dataclass(frozen=True, slots=True)
class Quantile:
    """A quantile of a histogram's buckets."""

    q: float
    buckets: Selector


def strip_scale(expr: Expr) -> Scaled:
    """A query without the numbers around it: `(1 - a / b) * 100` is `100 - 100 * (a / b)`."""
    match expr:
        case Binary(op="*", left=inner, right=Number(value)) | Binary(op="*", left=Number(value), right=inner) if value:
            return _times(strip_scale(inner), value)
        case Binary(
            op="/",
            left=Binary(op="*", left=Number(value), right=part) | Binary(op="*", left=part, right=Number(value)),
            right=whole,
        ) if value and not isinstance(whole, Number):
            return _times(strip_scale(Binary("/", part, whole, expr.matching)), value)
        case Binary(op="/", left=inner, right=Number(value)) if value:
            return _times(strip_scale(inner), 1.0 / value)
        case Binary(op="-", left=Number(value), right=inner):
            found = _times(strip_scale(inner), -1.0)
            return replace(found, offset=found.offset + value)
        case Binary(op="or", left=inner, right=FunctionCall(name="vector")):
            return replace(strip_scale(inner), zero_filled=True)
        case FunctionCall(name="scalar" | "round" | "sort" | "sort_desc", args=(inner, *_)):
            return strip_scale(inner)
        case _:
            return Scaled(expr)


def _times(inner: Scaled, value: float) -> Scaled:
    return replace(inner, offset=inner.offset * value, factor=inner.factor * value)


def share_of(expr: Expr) -> Share | None:
    """`sum(rate(a[5m])) / sum(rate(b[5m]))` as events; None for anything else."""
    if not isinstance(expr, Binary) or expr.op != "/":
        return None
    part, whole = _summed_counter(expr.left), _summed_counter(expr.right)
    if part is None or whole is None or _NOT_EVENTS.search(part[0].name):
        return None
    return Share(part[0], whole[0], tuple(dict.fromkeys((*part[1], *whole[1]))))


def quantile_of(expr: Expr) -> Quantile | None:
    """`histogram_quantile(0.99, sum by (le) (rate(a_bucket[5m])))`; None for anything else."""
    match expr:
        case FunctionCall(name="histogram_quantile", args=(Number(q), inner)) if 0 < q < 1:
            found = _summed_counter(inner)
            if found is not None and found[0].name.endswith("_bucket"):
                return Quantile(q, found[0])
    return None


def _summed_counter(expr: Expr) -> tuple[Selector, tuple[str, ...]] | None:
    """(the counter whose increase is summed, the labels it is grouped by), or None."""
    labels: tuple[str, ...] = ()
    while True:
        match expr:
            case Aggregation(name="sum", args=(inner,)):
                labels = (*labels, *(() if expr.without else expr.labels))
                expr = inner
            case FunctionCall(name="clamp_min", args=(inner, Number())) | Binary(op=">", left=inner, right=Number(0.0)):
                expr = inner
            case Binary(op="or", left=inner, right=FunctionCall(name="vector")):
                expr = inner
            case Binary(op="or", left=inner, right=Binary(op="*", left=Number(0.0))):
                expr = inner
            case FunctionCall(name=name, args=(Range(selector=selector),)) if name in _COUNTING and not selector.offset:
                return selector, labels
            case _:
                return None


def is_good(found: Share, bound: Bound) -> bool | None:
    """True for a share of good events: by the side that is bounded, else by labels and names; None: not known."""
    if bound.low is not None and (bound.high is None or bound.high >= 1.0):
        return True
    if bound.high is not None and (bound.low is None or bound.low <= 0.0):
        return False
    if bound.low is not None or bound.high is not None:
        return None
    for one in found.part.matchers:
        if one in found.whole.matchers or not _BAD_VALUE.search(one.value):
            continue
        return one.sign in ("!=", "!~")
    if _BAD_NAME.search(found.part.name) and found.part.name != found.whole.name:
        return False
    return True if _GOOD_NAME.search(found.part.name) else None
