"""The closed list of classes that a checkpoint may hold, to plain JSON and back. Pure.

Each value is checked against its type, and a float comes back bit for bit.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Union, get_args, get_origin

from adapters.contract import Buckets, Shape
from console.judge.absolute import Ceiling, Floor
from console.judge.bursts import Bursts
from console.judge.counts import CountsTrack
from console.judge.evidence import Evidence
from console.judge.gauges import GaugeTrack, Spread
from console.judge.latch import Latch
from console.judge.latency import LatencyTrack
from console.judge.mixture import Mixture
from console.judge.onset import Excess, Onset
from console.judge.policy import MetricPolicy
from console.judge.split import Split
from console.judge.track import Track
from console.state.values import Poll, StageMark

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
_Sums = tuple[float, float, float, float]
SLOTS: Mapping[type, Mapping[str, Any]] = {
    Poll: {"at": datetime, "mono_s": float, "boot": str},
    Mixture: {"expected": float, "parts": tuple[float, ...], "scale": float},
    Ceiling: {"mixture": Mixture, "rate": float},
    Floor: {"logs": tuple[float, ...], "rate": float},
    Bursts: {
        "before": float,
        "block_pairs": int,
        "block_sum": float,
        "count": int,
        "pairs": int,
        "phi": float,
        "recent": tuple[tuple[float, float, float, int], ...],
        "stage": int,
        "tick_sum": float,
    },
    Onset: {"runs": tuple[tuple[float, float, _Sums] | None, ...]},
    Excess: {"sums": tuple[_Sums, ...]},
    Split: {
        "tolerance": float,
        "worse_by": float,
        "worse": Mixture,
        "trivial": Mixture,
        "better": Mixture,
        "bursts": Bursts,
        "onset": Onset,
        "excess": Excess,
        "curve": tuple[float, ...] | None,
        "ticks": int,
        "kc": float,
        "nc": float,
        "kb": float,
        "nb": float,
    },
    CountsTrack: {
        "floor": Floor | None,
        "idle": tuple[str, int, float],
        "k": float,
        "limit": Ceiling | None,
        "n": float,
        "policy": MetricPolicy,
        "split": Split,
        "then": Ceiling | None,
        "under": Floor | None,
        "weight": float,
    },
    LatencyTrack: {
        "collected": tuple[Buckets, ...],
        "edges": tuple[float, ...],
        "policy": MetricPolicy,
        "tracks": tuple[CountsTrack, ...],
    },
    GaugeTrack: {
        "above": int,
        "better": Mixture,
        "block": tuple[float, ...],
        "medians": tuple[float, ...],
        "policy": MetricPolicy,
        "spread": Spread,
        "sums": tuple[int, float, float],
        "worse": Mixture,
    },
    Latch: {
        "acknowledged": float,
        "by": str,
        "failed_at": float | None,
        "limit_acknowledged": float,
        "peak": float,
        "warned": bool,
    },
    Evidence: {
        "can_fail": bool,
        "excess": float | None,
        "expected": float | None,
        "fits": bool,
        "limit": float,
        "passes_by": str,
        "ratio": float | None,
        "ready": float,
        "trivial": float,
        "worse": float,
    },
    Track: {
        "policy": MetricPolicy,
        "model": CountsTrack | LatencyTrack | GaugeTrack,
        "stage": int,
        "latch": Latch,
        "evidence": Evidence,
        "ticks": int,
        "total": int,
        "dirty": int,
        "judged_to": float,
        "paired_at": float | None,
        "alone": bool,
    },
    MetricPolicy: {
        "shape": Shape,
        "tolerance": float,
        "worse_by": float,
        "limit": float | None,
        "negligible": float,
        "min_excess": float,
        "falling": bool,
    },
    Buckets: {"total": float, "within": tuple[tuple[float, float], ...]},
    Spread: {"length": int, "sd": float | None},
}
"""Per class its slots with their types."""


class BadCheckpoint(ValueError):
    """The bytes are no checkpoint of this version."""


def plain_json(value: Any) -> Any:
    """A value as JSON has it: a class of `SLOTS` as a list that begins with its name."""
    kind = type(value)
    if kind in SLOTS:
        return [kind.__name__, *(plain_json(getattr(value, name)) for name in SLOTS[kind])]
    if isinstance(value, datetime):
        return (value - EPOCH) // MICROSECOND
    if isinstance(value, tuple):
        return [plain_json(each) for each in value]
    if isinstance(value, Mapping):
        return {name: plain_json(each) for name, each in value.items()}
    return value


_Decoder = Callable[[Any], Any]


@lru_cache(maxsize=256)
def decoder(kind: Any) -> _Decoder:
    """A function that returns its argument as a value of the type `kind`, or raises BadCheckpoint."""
    origin, args = get_origin(kind), get_args(kind)
    if origin in (types.UnionType, Union):
        return _union(args)
    if origin is tuple and args[-1] is Ellipsis:
        item = decoder(args[0])
        return lambda stored: tuple(map(item, of_type(stored, list)))
    if origin is tuple:
        items = [decoder(each) for each in args]
        return lambda stored: tuple(item(each) for item, each in zip(items, of_type(stored, list), strict=True))
    if origin is dict:
        item = decoder(args[1])
        return lambda stored: {str(name): item(each) for name, each in of_type(stored, dict).items()}
    if kind in SLOTS:
        return _object(kind)
    if kind is datetime:
        return lambda stored: EPOCH + timedelta(microseconds=of_type(stored, int))
    if kind is float:
        return number_of
    if kind in (Shape, StageMark):
        return lambda stored: kind(of_type(stored, str))
    return lambda stored: of_type(stored, kind)


def number_of(stored: Any) -> float:
    """A float, or an int that a plan gave in place of one."""
    return stored if type(stored) is float or (type(stored) is int and abs(stored) < 2**53) else of_type(stored, float)


def of_type(stored: Any, kind: type) -> Any:
    if type(stored) is not kind:
        raise BadCheckpoint(f"{type(stored).__name__} where {kind.__name__} is due")
    return stored


def _union(kinds: tuple[Any, ...]) -> _Decoder:
    """A decoder for a union: None, one plain type, or several classes known by name."""
    classes = {each.__name__: decoder(each) for each in kinds if each in SLOTS}
    plain = [decoder(each) for each in kinds if each is not types.NoneType and each not in SLOTS]
    has_none = types.NoneType in kinds

    def decode(stored: Any) -> Any:
        if stored is None and has_none:
            return None
        return (plain[0] if plain else classes[stored[0]])(stored)

    return decode


def _object(kind: type) -> _Decoder:
    """A decoder of a class of `SLOTS`, made without its constructor where it is one of the judge's."""
    slots = SLOTS[kind]
    decoders = [decoder(each) for each in slots.values()]

    def decode(stored: Any) -> Any:
        name, *values = of_type(stored, list)
        if name != kind.__name__ or len(values) != len(decoders):
            raise BadCheckpoint(f"no {kind.__name__}")
        found = [each(value) for each, value in zip(decoders, values, strict=True)]
        if kind in _BY_CONSTRUCTOR:
            return kind(*found)
        made: Any = object.__new__(kind)
        for slot, value in zip(slots, found, strict=True):
            setattr(made, slot, value)
        return made

    return decode


_BY_CONSTRUCTOR = frozenset({MetricPolicy, Buckets, Poll, Spread})
"""Classes whose fields are their constructor's arguments, in this order."""


def stored_slots() -> Mapping[type, tuple[str, ...]]:
    """Per class what is stored of it."""
    return {kind: tuple(slots) for kind, slots in SLOTS.items()}


def slots_of(kind: type) -> tuple[str, ...]:
    """Everything that makes up a value of `kind`, one of the classes that are stored."""
    if hasattr(kind, "__dataclass_fields__"):
        return tuple(each.name for each in fields(kind))
    return tuple(getattr(kind, "_fields", ()) or getattr(kind, "__slots__", ()))
