"""Read a file of samples: CSV with a header, or JSON Lines. Every error names its line.

Columns: at, metric, arm, then total and bad (counts) or value (a gauge); stage where the file has one; others are
ignored. `series` puts the rows together.
"""

from __future__ import annotations

import csv
import json
from collections import deque
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import BinaryIO

from adapters.sanitize import one_line
from console.backtest.moments import parse_moment
from console.backtest.series import Column, RecordedSeries
from console.plan.problems import suggestion

COLUMNS = ("at", "metric", "arm", "total", "bad", "value", "stage")
_MOST_TIMES = 50_000
"""Parsed times that are cached: each one comes once per metric and arm."""

Row = Mapping[str, object]


class SeriesError(ValueError):
    """A file that cannot be used: one plain line with the file and, where known, the line number."""


class _BadRow(Exception):
    """A row that cannot be used, and why."""


class _Lines:
    """Lines of text with their numbers; `rewind` gives those since `begin` again."""

    def __init__(self, lines: Iterator[tuple[int, str]]) -> None:
        self._lines = lines
        self._again: deque[tuple[int, str]] = deque()
        self.given: list[tuple[int, str]] = []
        self.number = 0
        """Number of the line given last."""

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        self.given.append(line)
        self.number = line[0]
        return line[1]

    def begin(self) -> None:
        """Mark the next line as the first of a row."""
        self.given = []

    def rewind(self) -> None:
        """Give all lines since `begin` again but the first."""
        self._again.extendleft(reversed(self.given[1:]))


class RowReader:
    """Puts the rows of one file into a `RecordedSeries`."""

    def __init__(self, name: str, series: RecordedSeries, *, lenient: bool = False) -> None:
        self._name = one_line(name)
        self._series = series
        self._lenient = lenient
        self._times: dict[object, float] = {}
        self._has_stages = False
        self.skipped = 0
        """Bad rows that were left out; only a lenient reader leaves any out."""
        self.first_skipped = ""
        """The first of these as an error message; "" for none."""

    def read(self, file: BinaryIO) -> None:
        """Read all of `file`.

        Raises:
            SeriesError: a row is bad (unless lenient), or no row can be judged.
        """
        texts = ((number, text) for number, text in self._text(file) if text.strip())
        first = next(texts, None)
        if first is None:
            raise SeriesError(f"{self._name}: is empty{self._skipped_suffix}")
        lines = chain([first], texts)
        if first[1].lstrip().startswith("["):
            raise SeriesError(f"{self._name}:{first[0]}: is a JSON array; write one object a line")
        if first[1].lstrip().startswith("{") or self._name.endswith((".jsonl", ".ndjson")):
            self._json_lines(lines)
        else:
            self._csv(_Lines(lines))
        if not self._series.rows:
            raise SeriesError(f"{self._name}: has no rows to judge{self._skipped_suffix}")
        if not self._has_stages:
            self._series.put_in_first_stage()
        elif self._series.began is None:
            reason = "no row has a stage that exposes anything, so all of it is history and nothing is judged"
            raise SeriesError(f"{self._name}: {reason}{self._skipped_suffix}")

    @property
    def skipped_text(self) -> str:
        """How many rows were left out, and the first of them."""
        rows = "1 bad row was" if self.skipped == 1 else f"{self.skipped} bad rows were"
        return f"{rows} left out, the first: {self.first_skipped}"

    @property
    def _skipped_suffix(self) -> str:
        return f"; {self.skipped_text}" if self.skipped else ""

    def _text(self, file: BinaryIO) -> Iterator[tuple[int, str]]:
        for number, data in enumerate(file, 1):
            try:
                text = data.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                self._reject(number, f"is not UTF-8 text (byte {error.start + 1} of the line)")
                continue
            yield number, text

    def _reject(self, line: int, fault: str, row: Row | None = None) -> None:
        """Raise SeriesError for a bad row, or leave it out and count it for its metric, if that is known."""
        message = f"{self._name}:{line}: {fault}"
        if not self._lenient:
            raise SeriesError(message) from None
        self.skipped += 1
        self.first_skipped = self.first_skipped or message
        self._series.count_left_out(row.get("metric") if row is not None else None)

    def _json_lines(self, lines: Iterator[tuple[int, str]]) -> None:
        for number, text in lines:
            row: Row | None = None
            try:
                row = _json_object(text)
                self._has_stages = self._has_stages or "stage" in row
                self._take(row)
            except _BadRow as bad:
                self._reject(number, str(bad), row)

    def _csv(self, lines: _Lines) -> None:
        names = self._header(next(csv.reader(lines)), lines.number)
        self._has_stages = "stage" in names
        rows = csv.reader(lines)
        while True:
            lines.begin()
            row: Row | None = None
            whole = False
            try:
                cells = next(rows)
                row = dict(zip(names, cells, strict=False))
                whole = len(cells) == len(names)
                if not whole:
                    raise _BadRow(f"has {len(cells)} columns where the header has {len(names)}")
                self._take(row)
            except StopIteration:
                return
            except (csv.Error, _BadRow) as bad:
                fault = f"is not CSV: {one_line(bad)}" if isinstance(bad, csv.Error) else str(bad)
                self._reject(lines.given[0][0], fault, row)
                if not whole and len(lines.given) > 1:  # an unclosed quote must not swallow good rows
                    lines.rewind()
                    rows = csv.reader(lines)

    def _header(self, given: list[str], line: int) -> list[str]:
        names = [name.strip().lower() for name in given]
        twice = next((name for name in COLUMNS if names.count(name) > 1), None)
        if twice is not None:
            raise SeriesError(f"{self._name}:{line}: column {twice!r} is there twice")
        wanted = ["at", "metric", "arm", *(["total", "bad"] if "value" not in names else [])]
        missing = next((name for name in wanted if name not in names), None)
        if missing is not None:
            hint = "" if len(names) > 1 else "; the first line names the columns, with commas between them"
            raise SeriesError(f"{self._name}:{line}: required column {missing!r} is missing{hint}")
        return names

    def _take(self, row: Row) -> None:
        try:
            metric, arm = row["metric"], row["arm"]
            at = self._at(row["at"])
        except KeyError as missing:
            raise _BadRow(f"required column {missing} is missing") from None
        try:
            column = self._series.columns[metric][arm]  # type: ignore[index]
        except (KeyError, TypeError):
            column = self._column(metric, arm)
        stage = row.get("stage")
        number = self._stage(stage) if stage else 0
        if column.gauge:
            self._series.add(column, at, number, self._number(row, "value", column))
        else:
            total, bad = self._number(row, "total", column), self._number(row, "bad", column)
            self._series.add(column, at, number, total, bad)

    def _at(self, given: object) -> float:
        try:
            known = self._times.get(given)
        except TypeError:  # a list or an object
            known = None
        if known is not None:
            return known
        try:
            if isinstance(given, bool) or not isinstance(given, str | int | float):
                raise ValueError(given)
            at = parse_moment(given)
        except (ValueError, OverflowError):
            hint = "write 2026-03-02T12:00:00Z, or seconds since 1970"
            raise _BadRow(f"at: {_display(given)} is not a time; {hint}") from None
        if len(self._times) >= _MOST_TIMES:
            self._times.clear()
        self._times[given] = at
        return at

    def _column(self, metric: object, arm: object) -> Column:
        name, side = str(metric).strip(), str(arm).strip()
        arms = self._series.columns.get(name)
        if arms is None:
            hint = suggestion(name, self._series.columns) or "the plan has no metrics"
            raise _BadRow(f"the plan has no metric {_display(metric)}; {hint}")
        if side not in arms:
            raise _BadRow(f"unknown arm {_display(arm)}; the arms are canary and baseline")
        return arms[side]

    def _stage(self, given: object) -> int:
        name = str(given).strip()
        if not name:
            return 0
        number = self._series.numbers.get(name)
        if number is None:
            raise _BadRow(f"the plan has no stage {_display(given)}; {suggestion(name, self._series.numbers)}")
        return number

    def _number(self, row: Row, key: str, column: Column) -> float:
        shape = "a gauge" if column.gauge else "counts"
        try:
            given = row[key]
            if type(given) is str and "_" not in given:
                return float(given)
            if given is None:  # JSON has no NaN: null stands for it
                return float("nan")
            if isinstance(given, int | float) and not isinstance(given, bool):
                return float(given)
        except KeyError:
            raise _BadRow(f"required column {key!r} is missing: {column.metric} is {shape}") from None
        except OverflowError:
            return float("inf")
        except ValueError:
            pass
        fault = f"{_display(given)} is not a number" if given != "" else f"is empty, and {column.metric} is {shape}"
        raise _BadRow(f"{key}: {fault}")


def _json_object(text: str) -> dict[str, object]:
    try:
        row = json.loads(text.strip())
    except (ValueError, RecursionError) as error:
        why = f" ({error.msg} at column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise _BadRow(f"is not JSON{why}") from None
    if not isinstance(row, dict):
        raise _BadRow("is not a JSON object")
    return row


def _display(given: object) -> str:
    if isinstance(given, str) and one_line(given) == given.strip():
        return f"'{one_line(given, 40)}'"
    return one_line(json.dumps(given), 40)
