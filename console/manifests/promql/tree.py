"""The nodes of a PromQL query. Each prints as the query again, with brackets where they are needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Matcher:
    """One label matcher."""

    label: str
    sign: str
    """=, !=, =~ or !~"""
    value: str

    def __str__(self) -> str:
        return f"{self.label}{self.sign}{promql_string(self.value)}"


@dataclass(frozen=True, slots=True)
class Selector:
    """`name{matchers}`, with the offset it is read at."""

    name: str
    matchers: tuple[Matcher, ...] = ()
    offset: str = ""

    def __str__(self) -> str:
        inner = ",".join(map(str, self.matchers))
        braces = f"{{{inner}}}" if inner or not self.name else ""
        return f"{self.name}{braces}{f' offset {self.offset}' if self.offset else ''}"


@dataclass(frozen=True, slots=True)
class Range:
    """`selector[5m]`."""

    selector: Selector
    window: str

    def __str__(self) -> str:
        bare = replace(self.selector, offset="")
        return f"{bare}[{self.window}]{f' offset {self.selector.offset}' if self.selector.offset else ''}"


@dataclass(frozen=True, slots=True)
class Number:
    """A number literal."""

    value: float

    def __str__(self) -> str:
        return f"{self.value:.15g}"


@dataclass(frozen=True, slots=True)
class Text:
    """A string literal."""

    value: str

    def __str__(self) -> str:
        return promql_string(self.value)


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A function call: `rate(..)`."""

    name: str
    args: tuple[Expr, ...]

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.args))})"


@dataclass(frozen=True, slots=True)
class Aggregation:
    """`sum by (le) (..)`."""

    name: str
    args: tuple[Expr, ...]
    labels: tuple[str, ...] = ()
    without: bool = False
    grouped: bool = False
    """True where it has a by or without clause, even an empty one."""

    def __str__(self) -> str:
        clause = f" {'without' if self.without else 'by'} ({', '.join(self.labels)}) " if self.grouped else ""
        return f"{self.name}{clause}({', '.join(map(str, self.args))})"


@dataclass(frozen=True, slots=True)
class Binary:
    """`left op right`."""

    op: str
    left: Expr
    right: Expr
    matching: str = ""
    """`on (version) group_left` as it is written, or ""."""

    def __str__(self) -> str:
        return f"{_inner(self.left)} {self.op}{f' {self.matching}' if self.matching else ''} {_inner(self.right)}"


Expr = Selector | Range | Number | Text | FunctionCall | Aggregation | Binary


def _inner(expr: Expr) -> str:
    return f"({expr})" if isinstance(expr, Binary) else str(expr)


def promql_string(value: str) -> str:
    """`value` as a PromQL string literal."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def selectors(expr: Expr) -> Iterator[Selector]:
    """Every selector of a query, from left to right."""
    match expr:
        case Selector():
            yield expr
        case Range():
            yield expr.selector
        case FunctionCall() | Aggregation():
            for arg in expr.args:
                yield from selectors(arg)
        case Binary():
            yield from selectors(expr.left)
            yield from selectors(expr.right)
