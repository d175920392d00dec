"""A metric's ticks, oldest first, as columns of numbers: a day of them takes a fifth of the memory of its Readings.

Old ticks are packed, `PACKED` at a time; the newest are kept as they came, for a poll replaces some of them. A Reading
is made again whenever it is asked for, and is equal to the one that was put in. Two ledgers share their columns.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import overload

from adapters.contract import Buckets, Counts, Gauge, Reading, Sample

PACKED = 128
"""Ticks that are packed together."""
OPEN = 16
"""The newest ticks, which late samples still change, are never packed: at least so many."""
_NO_GAPS: frozenset[int] = frozenset()
_EPOCH = datetime.fromtimestamp(0, UTC)
_MICROSECOND = timedelta(microseconds=1)
_LARGEST = (("H", 0xFFFF), ("I", 0xFFFF_FFFF))
"""Array types for whole numbers, with the largest that each holds."""


@dataclass(frozen=True, slots=True)
class _Column:
    """The samples of one arm: `width` numbers a tick."""

    kind: type[Counts | Gauge | Buckets]
    width: int
    numbers: array[float] | array[int]
    edges: tuple[float, ...]
    """Of Buckets."""
    gaps: frozenset[int]
    """Rows without a sample."""

    def sample(self, row: int) -> Sample | None:
        """The sample in a row."""
        if row in self.gaps:
            return None
        first, *others = map(float, self.numbers[row * self.width : (row + 1) * self.width])
        if self.kind is Counts:
            return Counts(first, others[0])
        if self.kind is Gauge:
            return Gauge(first, tuple(others))
        return Buckets(first, tuple(zip(self.edges, others, strict=True)))


@dataclass(frozen=True, slots=True)
class _Chunk:
    """`PACKED` ticks."""

    at: Sequence[int]
    """Starts, in microseconds since the epoch."""
    canary: _Column | None
    """None: no tick has a sample."""
    baseline: _Column | None

    def reading(self, row: int) -> Reading:
        """The reading in a row."""
        canary = self.canary.sample(row) if self.canary is not None else None
        baseline = self.baseline.sample(row) if self.baseline is not None else None
        return Reading(_EPOCH + self.at[row] * _MICROSECOND, canary, baseline)


_Packed = _Chunk | tuple[Reading, ...]
"""Readings that do not fit into columns stay as they are."""


class Ledger(Sequence[Reading]):
    """An immutable sequence of Readings; a slice of it shares its columns."""

    __slots__ = ("_chunks", "_start", "_stop", "_tail")

    def __init__(self, readings: Iterable[Reading] = ()) -> None:
        self._chunks: tuple[_Packed, ...] = ()
        self._tail: tuple[Reading, ...] = ()
        self._start = self._stop = 0
        """The part of chunks and tail that this ledger has."""
        self._fill((), tuple(readings), 0)

    def _fill(self, chunks: tuple[_Packed, ...], tail: Sequence[Reading], start: int) -> None:
        packed = list(chunks)
        done = 0
        while len(tail) - done >= PACKED + OPEN:
            packed.append(_pack(tail[done : done + PACKED]))
            done += PACKED
        self._chunks, self._tail, self._start = tuple(packed), tuple(tail[done:]), start
        self._stop = len(self._chunks) * PACKED + len(self._tail)

    def with_more(self, readings: Sequence[Reading]) -> Ledger:
        """This ledger with readings at its end."""
        whole = min(self._stop // PACKED, len(self._chunks))
        rest = [self._at(place) for place in range(max(whole * PACKED, self._start), self._stop)]
        more = Ledger()
        if whole * PACKED <= self._start:
            more._fill((), (*rest, *readings), 0)
        else:
            more._fill(self._chunks[:whole], (*rest, *readings), self._start)
        return more

    @property
    def open_from(self) -> int:
        """Place of the first reading that is not packed, where a search for a new one begins."""
        return max(0, min(len(self._chunks) * PACKED, self._stop) - self._start)

    def _at(self, place: int) -> Reading:
        number, row = divmod(place, PACKED)
        if number >= len(self._chunks):
            return self._tail[place - len(self._chunks) * PACKED]
        chunk = self._chunks[number]
        return chunk[row] if isinstance(chunk, tuple) else chunk.reading(row)

    def __len__(self) -> int:
        return self._stop - self._start

    @overload
    def __getitem__(self, place: int) -> Reading: ...
    @overload
    def __getitem__(self, place: slice) -> Ledger: ...
    def __getitem__(self, place: int | slice) -> Reading | Ledger:
        if isinstance(place, slice):
            start, stop, step = place.indices(len(self))
            if step != 1:
                return Ledger(self[each] for each in range(start, stop, step))
            return self._part(self._start + start, self._start + max(start, stop))
        if not -len(self) <= place < len(self):
            raise IndexError("no such tick in this ledger")
        return self._at(self._start + place % len(self))

    def _part(self, start: int, stop: int) -> Ledger:
        part = Ledger()
        gone = min(start // PACKED, len(self._chunks))
        part._chunks, part._tail = self._chunks[gone:], self._tail
        part._start, part._stop = start - gone * PACKED, stop - gone * PACKED
        return part

    def __iter__(self) -> Iterator[Reading]:
        return map(self._at, range(self._start, self._stop))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Ledger | tuple):
            return len(self) == len(other) and all(mine == its for mine, its in zip(self, other, strict=True))
        return NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"Ledger({len(self)} ticks)"


def place_from(ledger: Sequence[Reading], at: datetime) -> int:
    """Place of the first reading that starts at `at` or later."""
    low = _low(ledger, lambda reading: reading.at < at)
    return bisect_left(ledger, at, low, key=lambda reading: reading.at)


def place_after(ledger: Sequence[Reading], seconds: float) -> int:
    """Place of the first reading that starts after `seconds` (unix time)."""
    low = _low(ledger, lambda reading: reading.at.timestamp() <= seconds)
    return bisect_right(ledger, seconds, low, key=lambda reading: reading.at.timestamp())


def _low(ledger: Sequence[Reading], is_before: Callable[[Reading], bool]) -> int:
    """Where a search may begin: most look for the newest ticks, which are not packed."""
    if not isinstance(ledger, Ledger):
        return 0
    place = ledger.open_from
    return place if 0 < place < len(ledger) and is_before(ledger[place]) else 0


class _UnfitError(ValueError):
    """These samples do not fit into columns of numbers."""


def _pack(readings: Sequence[Reading]) -> _Packed:
    """Readings as columns, or as they are where that would lose anything."""
    try:
        starts = [_microseconds(reading.at) for reading in readings]
        canary, baseline = _column([each.canary for each in readings]), _column([each.baseline for each in readings])
    except _UnfitError:
        return tuple(readings)
    step = starts[1] - starts[0]
    even = range(starts[0], starts[0] + step * len(starts), step) if step > 0 else ()
    return _Chunk(even if starts == list(even) else array("q", starts), canary, baseline)


def _microseconds(at: datetime) -> int:
    if at.utcoffset() != timedelta(0):
        raise _UnfitError
    return (at - _EPOCH) // _MICROSECOND


def _column(samples: Sequence[Sample | None]) -> _Column | None:
    """One arm's samples. Raises _UnfitError unless all are of one form."""
    first = next((sample for sample in samples if sample is not None), None)
    if first is None:
        return None
    edges, width = _edges(first), len(_row(first))
    numbers: list[float] = []
    for sample in samples:
        row = (0.0,) * width if sample is None else _row(sample)
        if sample is not None and (type(sample), _edges(sample), len(row)) != (type(first), edges, width):
            raise _UnfitError
        numbers += row
    gaps = frozenset(row for row, sample in enumerate(samples) if sample is None) or _NO_GAPS
    return _Column(type(first), width, _numbers(numbers), _common_edges(edges), gaps)


@lru_cache(maxsize=512)
def _common_edges(edges: tuple[float, ...]) -> tuple[float, ...]:
    """Equal edges as one object: every tick of a histogram brings its own."""
    return edges


def _row(sample: Sample) -> tuple[float, ...]:
    if isinstance(sample, Counts):
        return sample.total, sample.bad
    if isinstance(sample, Gauge):
        return sample.value, *sample.instances
    return sample.total, *(within for _, within in sample.within)


def _edges(sample: Sample) -> tuple[float, ...]:
    return tuple(edge for edge, _ in sample.within) if isinstance(sample, Buckets) else ()


def _numbers(values: Sequence[float]) -> array[int] | array[float]:
    """The smallest array that holds the values exactly. Raises _UnfitError where none does."""
    try:
        whole = all(value >= 0 and value == int(value) and math.copysign(1.0, value) > 0 for value in values)
        largest = max(values) if whole else math.inf
    except (OverflowError, ValueError):  # infinity or NaN
        largest = math.inf
    for code, most in _LARGEST:
        if largest <= most:
            return array(code, map(int, values))
    try:
        exact = array("d", values)
    except OverflowError:
        raise _UnfitError from None
    if any(mine != its and its == its for mine, its in zip(exact, values, strict=True)):
        raise _UnfitError
    return exact
