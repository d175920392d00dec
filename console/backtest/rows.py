"""A file of samples, row by row: CSV with a header, or JSON Lines. Every fault is told with its line.

Columns: at, metric, arm, then total and bad (counts) or value (a gauge); stage where the file has one; others are
ignored. What the rows mean together is for `series`.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import BinaryIO

from adapters.foreign import clean
from console.backtest.moments import moment
from console.backtest.series import Column, Series
from console.plan.problems import suggestion

COLUMNS = ("at", "metric", "arm", "total", "bad", "value", "stage")
_MOST_TIMES = 50_000
"""Times remembered: the same ones come once per metric and arm."""

Row = Mapping[str, object]


class SeriesError(ValueError):
    """What keeps a file from being used: one plain line with the file and, where there is one, the line."""


class _BadRow(Exception):
    """What is wrong with one row."""


class Reader:
    """Puts the rows of one file into a `Series`."""

    def __init__(self, name: str, series: Series, *, lenient: bool = False) -> None:
        self._name = clean(name)
        self._series = series
        self._lenient = lenient
        self._line = 0
        self._times: dict[object, float] = {}
        self._staged = False
        self.skipped = 0
        """Bad rows that a lenient reading left out."""
        self.first = ""
        """The first of these, in the words of an error."""

    def read(self, file: BinaryIO) -> None:
        """Read all of `file`.

        Raises:
            SeriesError: a bad row, unless lenient; a file in which no row can be judged.
        """
        lines = self._text(file)
        head = next((line for line in lines if line.strip()), None)
        if head is None:
            raise SeriesError(f"{self._name}: is empty")
        if head.lstrip().startswith("["):
            raise SeriesError(f"{self._name}:{self._line}: is a JSON array; write one object a line")
        if head.lstrip().startswith("{"):
            self._json_lines(chain([head], lines))
        else:
            self._csv(chain([head], lines))
        self._check_whole()

    @property
    def left_out(self) -> str:
        """What a lenient reading left out, in words."""
        rows = "1 bad row was" if self.skipped == 1 else f"{self.skipped} bad rows were"
        return f"{rows} left out, the first: {self.first}"

    def _check_whole(self) -> None:
        more = f"; {self.left_out}" if self.skipped else ""
        if not self._series.rows:
            raise SeriesError(f"{self._name}: has no rows to judge{more}")
        if not self._staged:
            self._series.one_stage()
        elif self._series.began is None:
            raise SeriesError(f"{self._name}: no row has a stage, so all of it is history and nothing is judged{more}")

    def _text(self, file: BinaryIO) -> Iterator[str]:
        for number, data in enumerate(file, 1):
            self._line = number
            try:
                text = data.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                self._bad(number, f"is not UTF-8 text (byte {error.start + 1} of the line)")
                continue
            yield text

    def _bad(self, line: int, what: str) -> None:
        told = f"{self._name}:{line}: {what}"
        if not self._lenient:
            raise SeriesError(told) from None
        self.skipped += 1
        self.first = self.first or told

    def _json_lines(self, lines: Iterator[str]) -> None:
        for text in lines:
            if text.isspace():
                continue
            try:
                row = _object(text)
                self._staged = self._staged or "stage" in row
                self._take(row)
            except _BadRow as bad:
                self._bad(self._line, str(bad))

    def _csv(self, lines: Iterator[str]) -> None:
        rows = csv.reader(lines)
        names = self._header(next(rows))
        self._staged = "stage" in names
        ended = self._line
        while True:
            begun = ended + 1  # a quoted cell may hold line breaks: a row is told by the line on which it begins
            try:
                row = next(rows)
                if row:
                    if len(row) != len(names):
                        raise _BadRow(f"has {len(row)} columns where the header has {len(names)}")
                    self._take(dict(zip(names, row, strict=True)))
            except StopIteration:
                return
            except csv.Error as error:
                self._bad(begun, f"is not CSV: {clean(error)}")
            except _BadRow as bad:
                self._bad(begun, str(bad))
            ended = self._line

    def _header(self, given: list[str]) -> list[str]:
        names = [name.strip().lower() for name in given]
        twice = next((name for name in COLUMNS if names.count(name) > 1), None)
        if twice is not None:
            raise SeriesError(f"{self._name}:{self._line}: column {twice!r} is there twice")
        wanted = ["at", "metric", "arm", *(["total", "bad"] if "value" not in names else [])]
        missing = next((name for name in wanted if name not in names), None)
        if missing is not None:
            hint = "" if len(names) > 1 else "; the first line names the columns, with commas between them"
            raise SeriesError(f"{self._name}:{self._line}: required column {missing!r} is missing{hint}")
        return names

    # -- one row -------------------------------------------------------------------------------------------------------

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
            at = moment(given)
        except (ValueError, OverflowError):
            hint = "write 2026-03-02T12:00:00Z, or seconds since 1970"
            raise _BadRow(f"at: {_shown(given)} is not a time; {hint}") from None
        if len(self._times) >= _MOST_TIMES:
            self._times.clear()
        self._times[given] = at
        return at

    def _column(self, metric: object, arm: object) -> Column:
        name, side = str(metric).strip(), str(arm).strip()
        arms = self._series.columns.get(name)
        if arms is None:
            hint = suggestion(name, self._series.columns) or "the plan has no metrics"
            raise _BadRow(f"the plan has no metric {_shown(metric)}; {hint}")
        if side not in arms:
            raise _BadRow(f"unknown arm {_shown(arm)}; the arms are canary and baseline")
        return arms[side]

    def _stage(self, given: object) -> int:
        name = str(given).strip()
        if not name:
            return 0
        number = self._series.numbers.get(name)
        if number is None:
            raise _BadRow(f"the plan has no stage {_shown(given)}; {suggestion(name, self._series.numbers)}")
        return number

    def _number(self, row: Row, key: str, column: Column) -> float:
        try:
            given = row[key]
            if type(given) is str and "_" not in given:
                return float(given)
            if given is None:  # how JSON says NaN
                return float("nan")
            if isinstance(given, int | float) and not isinstance(given, bool):
                return float(given)
        except KeyError:
            shape = "a gauge" if column.gauge else "counts"
            raise _BadRow(f"required column {key!r} is missing: {column.metric} is {shape}") from None
        except OverflowError:
            return float("inf")
        except ValueError:
            pass
        shape = "a gauge" if column.gauge else "counts"
        told = f"{_shown(given)} is not a number" if given != "" else f"is empty, and {column.metric} is {shape}"
        raise _BadRow(f"{key}: {told}")


def _object(text: str) -> dict[str, object]:
    try:
        row = json.loads(text.strip())
    except (ValueError, RecursionError) as error:
        why = f" ({error.msg} at column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise _BadRow(f"is not JSON{why}") from None
    if not isinstance(row, dict):
        raise _BadRow("is not a JSON object")
    return row


def _shown(given: object) -> str:
    if isinstance(given, str) and clean(given) == given.strip():
        return f"'{clean(given, 40)}'"
    return clean(json.dumps(given), 40)
