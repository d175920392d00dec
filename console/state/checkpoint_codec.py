"""A checkpoint's bytes: JSON of a closed list of classes, compressed. Pure.

Only the classes of `checkpoint_types` and plain types come out of it, each checked against its type. So a checkpoint by
another member of the group can be wrong, and nothing worse.
"""

from __future__ import annotations

import json
import zlib
<<<<<<< HEAD
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any, Union, get_args, get_origin
=======
from collections.abc import Mapping
from datetime import datetime
from typing import Any
>>>>>>> age

from console.judge.track import Track
from console.state.checkpoint import METRIC_FIELDS, SampleParts
<<<<<<< HEAD
from console.state.ledger import Ledger
from console.state.values import MetricState, Poll, StageMark
=======
from console.state.checkpoint_ledger import ledger_columns, ledger_from
from console.state.checkpoint_types import BadCheckpoint, decoder, plain_json
from console.state.values import MetricState, StageMark
>>>>>>> age

MOST_BYTES = 16 * 1024 * 1024
"""A larger checkpoint is not stored, and a larger one that is found is not read."""
MOST_TEXT_BYTES = 256 * 1024 * 1024
"""Size of a checkpoint at most once it is decompressed."""

<<<<<<< HEAD
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
_Sums = tuple[float, float, float, float]
_SLOTS: Mapping[type, Mapping[str, Any]] = {
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
=======
>>>>>>> age
_METRIC = {
    "canary_at": datetime | None,
    "baseline_at": datetime | None,
    "read_at": datetime | None,
    "partial": str | None,
    "problem": str | None,
    "spacing_s": float | None,
    "tick_s": float,
    "track": Track | None,
    "late": int,
}
_PARTS = {
    "sources": dict[str, tuple[datetime | None, float | None]],
    "targets": dict[str, datetime | None],
    "stages": tuple[tuple[StageMark, str], ...],
    "baked_s": float,
    "clocked_at": datetime | None,
    "polled": Poll | None,
    "latest_at": datetime | None,
}


def encode_parts(parts: SampleParts) -> bytes:
    """The bytes of `parts`."""
    metrics = {}
    for name, entry in parts.metrics.items():
        stored = {field: plain_json(getattr(entry, field)) for field in METRIC_FIELDS if field != "ledger"}
        metrics[name] = {**stored, "ledger": ledger_columns(entry.ledger)}
    found = {name: plain_json(getattr(parts, name)) for name in _PARTS}
    return zlib.compress(json.dumps({**found, "metrics": metrics}, separators=(",", ":")).encode(), 3)


def decode_parts(body: bytes, blank: Mapping[str, MetricState], newest: int | None = None) -> SampleParts:
    """The parts that `encode_parts` has stored.

    Args:
        body: the stored bytes.
        blank: the metrics they are of, by name.
        newest: how many ticks of each ledger to read; None: all.

    Raises:
        BadCheckpoint: a value of another type, another class, an unknown metric, or no checkpoint at all.
    """
    if len(body) > MOST_BYTES:
        raise BadCheckpoint("too large")
    try:
        unpacked = zlib.decompressobj()
        text = unpacked.decompress(body, MOST_TEXT_BYTES)
        if not unpacked.eof:
            raise BadCheckpoint("too large, or cut off")
        stored = json.loads(text)
        metrics = stored.pop("metrics")
        found = {name: decoder(kind)(stored.pop(name)) for name, kind in _PARTS.items()}
        if stored or set(metrics) != set(blank):
            raise BadCheckpoint("other fields or metrics")
        return SampleParts(
            metrics={name: _metric(entry, metrics[name], newest) for name, entry in blank.items()}, **found
        )
    except (zlib.error, ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError) as error:
        raise BadCheckpoint(f"not a checkpoint: {type(error).__name__}") from None


def _metric(entry: MetricState, stored: dict[str, Any], newest: int | None) -> MetricState:
    values = {name: decoder(kind)(stored.pop(name)) for name, kind in _METRIC.items()}
    ledger = ledger_from(stored.pop("ledger"), newest)
    if stored:
        raise BadCheckpoint("unknown fields of a metric")
    values["ledger"] = ledger
    return MetricState(entry.metric, **values)
<<<<<<< HEAD


def _plain(value: Any) -> Any:
    """A value as JSON has it: a class of `_SLOTS` as a list that begins with its name."""
    kind = type(value)
    if kind in _SLOTS:
        return [kind.__name__, *(_plain(getattr(value, name)) for name in _SLOTS[kind])]
    if isinstance(value, datetime):
        return (value - _EPOCH) // _TICK
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return value


def _columns(ledger: Sequence[Reading]) -> dict[str, Any]:
    """A ledger as columns, which are smaller than rows and faster to read."""
    return {
        "at": [(reading.at - _EPOCH) // _TICK for reading in ledger],
        "canary": _arm([reading.canary for reading in ledger]),
        "baseline": _arm([reading.baseline for reading in ledger]),
    }


def _arm(samples: list[Sample | None]) -> list[Any]:
    """(one letter per tick, first number of each sample, the rest of each sample)."""
    kinds: list[str] = []
    first: list[float] = []
    rest: list[Any] = []
    for sample in samples:
        match sample:
            case None:
                kinds.append("-")
                continue
            case Counts():
                kinds.append("c")
                first.append(sample.total)
                rest.append(sample.bad)
            case Gauge():
                kinds.append("g")
                first.append(sample.value)
                rest.append(list(sample.instances))
            case Buckets():
                kinds.append("b")
                first.append(sample.total)
                rest.append([list(pair) for pair in sample.within])
    return ["".join(kinds), first, rest]


def _ledger(stored: dict[str, Any], newest: int | None) -> Ledger:
    at = stored["at"]
    if not set(map(type, at)) <= {int} or any(a >= b for a, b in pairwise(at)):
        raise BadCheckpoint("ticks out of order")
    skip = 0 if newest is None else max(0, len(at) - newest)
    arms = [_samples(stored[arm], len(at), skip) for arm in ("canary", "baseline")]
    times = [_EPOCH + timedelta(microseconds=each) for each in at[skip:]]
    return Ledger(map(Reading, times, *arms))


def _samples(stored: list[Any], count: int, skip: int) -> list[Sample | None]:
    """One arm of a ledger from tick number `skip` on."""
    kinds, first, rest = stored
    if type(kinds) is not str or len(kinds) != count or not set(map(type, first)) <= {float, int}:
        raise BadCheckpoint("another arm")
    gone = skip - kinds.count("-", 0, skip)
    kinds, first, rest = kinds[skip:], first[gone:], rest[gone:]
    if len(first) != len(rest) or len(first) != len(kinds) - kinds.count("-"):
        raise BadCheckpoint("columns of different lengths")
    made: list[Sample | None] = list(map(_sample, kinds.replace("-", ""), first, rest))
    if len(made) == len(kinds):
        return made
    each = iter(made)
    return [None if kind == "-" else next(each) for kind in kinds]


def _sample(kind: str, first: float, rest: Any) -> Sample:
    if kind == "c":
        return Counts(first, rest if type(rest) is float else _number(rest))
    if kind == "g":
        return Gauge(first, _decoder(tuple[float, ...])(rest))
    if kind == "b":
        return Buckets(first, _decoder(tuple[tuple[float, float], ...])(rest))
    raise BadCheckpoint("another sample")


_Decoder = Callable[[Any], Any]


@lru_cache(maxsize=256)
def _decoder(kind: Any) -> _Decoder:
    """A function that returns its argument as a value of the type `kind`, or raises BadCheckpoint."""
    origin, args = get_origin(kind), get_args(kind)
    if origin in (types.UnionType, Union):
        return _union(args)
    if origin is tuple and args[-1] is Ellipsis:
        item = _decoder(args[0])
        return lambda stored: tuple(map(item, _of_type(stored, list)))
    if origin is tuple:
        items = [_decoder(each) for each in args]
        return lambda stored: tuple(item(each) for item, each in zip(items, _of_type(stored, list), strict=True))
    if origin is dict:
        item = _decoder(args[1])
        return lambda stored: {str(name): item(each) for name, each in _of_type(stored, dict).items()}
    if kind in _SLOTS:
        return _object(kind)
    if kind is datetime:
        return lambda stored: _EPOCH + timedelta(microseconds=_of_type(stored, int))
    if kind is float:
        return _number
    if kind in (Shape, StageMark):
        return lambda stored: kind(_of_type(stored, str))
    return lambda stored: _of_type(stored, kind)


def _number(stored: Any) -> float:
    """A float, or an int that a plan gave in place of one."""
    return stored if type(stored) is float or (type(stored) is int and abs(stored) < 2**53) else _of_type(stored, float)


def _of_type(stored: Any, kind: type) -> Any:
    if type(stored) is not kind:
        raise BadCheckpoint(f"{type(stored).__name__} where {kind.__name__} is due")
    return stored


def _union(kinds: tuple[Any, ...]) -> _Decoder:
    """A decoder of None, and of one plain type or of several classes that are told apart by their names."""
    classes = {each.__name__: _decoder(each) for each in kinds if each in _SLOTS}
    plain = [_decoder(each) for each in kinds if each is not types.NoneType and each not in _SLOTS]
    has_none = types.NoneType in kinds

    def decode(stored: Any) -> Any:
        if stored is None and has_none:
            return None
        return (plain[0] if plain else classes[stored[0]])(stored)

    return decode


def _object(kind: type) -> _Decoder:
    """A decoder of a class of `_SLOTS`, made without its constructor where it is one of the judge's."""
    slots = _SLOTS[kind]
    decoders = [_decoder(each) for each in slots.values()]

    def decode(stored: Any) -> Any:
        name, *values = _of_type(stored, list)
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
    return {kind: tuple(slots) for kind, slots in _SLOTS.items()}


def slots_of(kind: type) -> tuple[str, ...]:
    """Everything that makes up a value of `kind`, one of the classes that are stored."""
    if hasattr(kind, "__dataclass_fields__"):
        return tuple(each.name for each in fields(kind))
    return tuple(getattr(kind, "_fields", ()) or getattr(kind, "__slots__", ()))
=======
>>>>>>> age
