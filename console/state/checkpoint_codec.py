"""A checkpoint's bytes: JSON of a closed list of classes, compressed. Pure.

Only the classes of `checkpoint_types` and plain types come out of it, each checked against its type. So a checkpoint by
another member of the group can be wrong, and nothing worse.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from console.judge.track import Track
from console.state.checkpoint import METRIC_FIELDS, SampleParts
from console.state.checkpoint_ledger import ledger_columns, ledger_from
from console.state.checkpoint_types import BadCheckpoint, decoder, plain_json
from console.state.values import MetricState, Poll, StageMark

MOST_BYTES = 16 * 1024 * 1024
"""A larger checkpoint is not stored, and a larger one that is found is not read."""
MOST_TEXT_BYTES = 256 * 1024 * 1024
"""Size of a checkpoint at most once it is decompressed."""

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
