"""Parse a query's text into a tree, by the precedence of Prometheus; an error is one plain line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from console.manifests.promql.tree import (
    Aggregation,
    Binary,
    Expr,
    FunctionCall,
    Matcher,
    Number,
    Range,
    Selector,
    Text,
)

T = TypeVar("T")
LONGEST = 10_000
_DEEPEST = 40
_AGGREGATIONS = frozenset(
    {"sum", "avg", "min", "max", "count", "stddev", "stdvar", "group", "topk", "bottomk", "quantile"}
    | {"count_values", "limitk", "limit_ratio"}
)
_TOKEN = re.compile(
    r"""(?P<space>\s+|\#[^\n]*)
      | (?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?(?![0-9a-zA-Z_:]) | 0[xX][0-9a-fA-F]+)
      | (?P<duration>(?:[0-9]+(?:ms|[smhdwy]))+(?![0-9a-zA-Z_]))
      | (?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)
      | (?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`[^`]*`)
      | (?P<sign>=~|!~|!=|==|<=|>=|[-+*/%^(){}\[\],=<>@:])
    """,
    re.VERBOSE,
)
_LEVELS = (("or",), ("and", "unless"), ("==", "!=", "<=", "<", ">=", ">"), ("+", "-"), ("*", "/", "%", "atan2"))
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)", re.DOTALL)


class UnreadableQuery(ValueError):
    """A query that is not PromQL. One plain line."""


class UnsupportedQuery(UnreadableQuery):
    """PromQL with a part that is not supported here. One plain line."""


def parse_query(text: str) -> Expr:
    """Parse a query into a tree. Raises UnreadableQuery, UnsupportedQuery."""
    if len(text) > LONGEST:
        raise UnreadableQuery(f"the query is longer than {LONGEST} characters")
    reader = _QueryReader(list(_tokens(text)))
    expr = reader.binary(0, 0)
    if reader.kind != "end":
        raise UnreadableQuery(f"not PromQL from {reader.found_text} on")
    return expr


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    place = 0
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            raise UnreadableQuery(f"not PromQL from {text[place : place + 12]!r} on")
        place = found.end()
        kind = str(found.lastgroup)
        if kind != "space":
            yield kind, found.group()


@dataclass
class _QueryReader:
    """Parses the tokens of one query by recursive descent."""

    tokens: list[tuple[str, str]]
    place: int = 0

    @property
    def kind(self) -> str:
        return self.tokens[self.place][0] if self.place < len(self.tokens) else "end"

    @property
    def word(self) -> str:
        return self.tokens[self.place][1] if self.place < len(self.tokens) else ""

    @property
    def ahead(self) -> str:
        return self.tokens[self.place + 1][1] if self.place + 1 < len(self.tokens) else ""

    @property
    def found_text(self) -> str:
        return repr(self.word) if self.word else "its end"

    def take(self, word: str) -> bool:
        if self.word == word and self.kind != "string":
            self.place += 1
            return True
        return False

    def need(self, word: str) -> None:
        if not self.take(word):
            raise UnreadableQuery(f"not read as PromQL: {word!r} expected, found {self.found_text}")

    def take_kind(self, kind: str, what: str) -> str:
        if self.kind != kind:
            raise UnreadableQuery(f"not read as PromQL: {what} expected, found {self.found_text}")
        word = self.word
        self.place += 1
        return word

    def binary(self, level: int, depth: int) -> Expr:
        """An expression of operators of `level` and of tighter ones."""
        if depth > _DEEPEST:
            raise UnreadableQuery("the query is nested too deeply")
        if level == len(_LEVELS):
            return self.power(depth)
        left = self.binary(level + 1, depth)
        while self.kind in ("sign", "name") and self.word.lower() in _LEVELS[level]:
            op = self.word.lower()
            self.place += 1
            matching = self.matching()
            left = Binary(op, left, self.binary(level + 1, depth), matching)
        return left

    def matching(self) -> str:
        parts = ["bool"] if self.take("bool") else []
        if self.word in ("on", "ignoring"):
            word = self.take_kind("name", "on")
            parts.append(f"{word} ({', '.join(self.labels())})")
        if self.word in ("group_left", "group_right"):
            word = self.take_kind("name", "group_left")
            parts.append(f"{word} ({', '.join(self.labels())})" if self.word == "(" else word)
        return " ".join(parts)

    def labels(self) -> tuple[str, ...]:
        self.need("(")
        return tuple(self.items(lambda: self.take_kind("name", "a label"), ")"))

    def items(self, item: Callable[[], T], end: str) -> Iterator[T]:
        """Items with commas between them, up to and with `end`."""
        while not self.take(end):
            yield item()
            if not self.take(","):
                self.need(end)
                break

    def power(self, depth: int) -> Expr:
        left = self.unary(depth)
        if self.take("^"):
            return Binary("^", left, self.power(depth + 1))
        return left

    def unary(self, depth: int) -> Expr:
        if self.take("-"):
            inner = self.power(depth + 1)
            return Number(-inner.value) if isinstance(inner, Number) else Binary("*", Number(-1.0), inner)
        if self.take("+"):
            return self.power(depth + 1)
        return self.suffixes(self.atom(depth))

    def suffixes(self, expr: Expr) -> Expr:
        while True:
            if self.word == "[" and self.kind == "sign":
                expr = self.window(expr)
            elif self.take("offset"):
                sign = "-" if self.take("-") else ""
                expr = _with_offset(expr, sign + self.take_kind("duration", "a duration"))
            elif self.word == "@" and self.kind == "sign":
                raise UnsupportedQuery("its @ modifier is not supported here")
            else:
                return expr

    def window(self, expr: Expr) -> Expr:
        self.need("[")
        window = self.take_kind("duration", "a duration")
        if self.word.startswith(":"):
            raise UnsupportedQuery("its subquery is not supported here")
        self.need("]")
        if not isinstance(expr, Selector):
            raise UnreadableQuery("not read as PromQL: a range stands behind something that is no selector")
        return Range(expr, window)

    def atom(self, depth: int) -> Expr:
        if self.take("("):
            expr = self.binary(0, depth + 1)
            self.need(")")
            return expr
        if self.kind == "number":
            word = self.take_kind("number", "a number")
            return Number(float(int(word, 16)) if word[:2] in ("0x", "0X") else float(word))
        if self.kind == "string":
            return Text(_string_value(self.take_kind("string", "text")))
        if self.word == "{" and self.kind == "sign":
            return Selector("", self.matchers())
        name = self.take_kind("name", "a metric or a function")
        if name.lower() in _AGGREGATIONS and self.word in ("(", "by", "without"):
            return self.aggregation(name.lower(), depth)
        if name.lower() in ("inf", "nan") and self.word not in ("(", "{"):
            return Number(float(name))
        if self.take("("):
            return FunctionCall(name, self.args(depth))
        return Selector(name, self.matchers() if self.word == "{" and self.kind == "sign" else ())

    def aggregation(self, name: str, depth: int) -> Expr:
        clause = self.clause()
        self.need("(")
        args = self.args(depth)
        clause = clause or self.clause()
        if clause is None:
            return Aggregation(name, args)
        return Aggregation(name, args, clause[1], without=clause[0] == "without", grouped=True)

    def clause(self) -> tuple[str, tuple[str, ...]] | None:
        """(by or without, its labels), or None."""
        if self.word in ("by", "without") and self.kind == "name":
            return self.take_kind("name", "by"), self.labels()
        return None

    def args(self, depth: int) -> tuple[Expr, ...]:
        return tuple(self.items(lambda: self.binary(0, depth + 1), ")"))

    def matchers(self) -> tuple[Matcher, ...]:
        self.need("{")
        return tuple(self.items(self.matcher, "}"))

    def matcher(self) -> Matcher:
        if self.kind == "string" and self.ahead in (",", "}"):
            return Matcher("__name__", "=", _string_value(self.take_kind("string", "a metric")))
        label = self.take_kind("name", "a label")
        if self.word not in ("=", "!=", "=~", "!~"):
            raise UnreadableQuery(f"not read as PromQL: =, !=, =~ or !~ expected, found {self.found_text}")
        sign = self.take_kind("sign", "=")
        return Matcher(label, sign, _string_value(self.take_kind("string", "text in quotes")))


def _with_offset(expr: Expr, offset: str) -> Expr:
    if isinstance(expr, Selector):
        return replace(expr, offset=offset)
    if isinstance(expr, Range):
        return replace(expr, selector=replace(expr.selector, offset=offset))
    raise UnreadableQuery("not read as PromQL: an offset stands behind something that is no selector")


def _string_value(word: str) -> str:
    body = word[1:-1]
    return body if word[0] == "`" else _ESCAPE.sub(_escape, body)


def _escape(found: re.Match[str]) -> str:
    code = found[1]
    if code[0] in "xuU" and len(code) > 1:
        value = int(code[1:], 16)
        return chr(value) if value < 0x110000 else "\ufffd"
    if len(code) == 3 and code.isdigit():
        return chr(int(code, 8))
    return _ESCAPES.get(code, code)
