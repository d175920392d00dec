"""The floor and ceiling of a number, and their parser for Argo's conditions.

Argo's conditions are a language of their own (expr). Supported are comparisons of the result with a number, and their
combinations; anything else raises NotBounded. Source: Argo Rollouts, "Analysis & Progressive Delivery", and expr-lang's
definition.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce

from console.manifests.tree import number

LONGEST = 2_000
_TOKEN = re.compile(
    r"""\s*(?: (?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|\.[0-9]+)
            | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
            | (?P<sign>&&|\|\||==|!=|>=|<=|[-!<>()\[\]{},.\#])
            | (?P<string>"[^"]*"|'[^']*') )""",
    re.VERBOSE,
)
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
_NEGATED = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
_SILENCE = frozenset({"isNaN", "isNil", "isInf", "len"})
NO_DATA = "no data counts as success there; here it is no data, which passes nothing"


class NotBounded(ValueError):
    """A condition that is neither a floor nor a ceiling. One plain line."""


@dataclass(frozen=True, slots=True)
class Bound:
    """The range that a number has to be in. None: no limit on that side."""

    low: float | None = None
    high: float | None = None

    def within(self, other: Bound) -> Bound:
        """The range where both hold."""
        lows = [low for low in (self.low, other.low) if low is not None]
        highs = [high for high in (self.high, other.high) if high is not None]
        return Bound(max(lows, default=None), min(highs, default=None))

    def before(self, offset: float, factor: float) -> Bound:
        """The range of x for which `offset + factor * x` is within this one; `factor` is not 0."""
        ends = [None if end is None else (end - offset) / factor for end in (self.low, self.high)]
        return Bound(*(ends if factor > 0 else reversed(ends)))

    def __str__(self) -> str:
        if self.low is not None and self.high is not None:
            return f"from {self.low:.6g} to {self.high:.6g}"
        if self.low is not None:
            return f"at least {self.low:.6g}"
        return "anything" if self.high is None else f"at most {self.high:.6g}"


@dataclass(frozen=True, slots=True)
class BoundCondition:
    """A condition as a bound."""

    bound: Bound
    notes: tuple[str, ...] = ()
    """Parts of the condition that the bound does not hold."""


def read_success(text: str) -> BoundCondition:
    """The bound within which a `successCondition` holds. Raises NotBounded."""
    return _ConditionReader(text, wanted=True).read()


def read_failure(text: str) -> BoundCondition:
    """The bound within which a `failureCondition` does not hold. Raises NotBounded."""
    return _ConditionReader(text, wanted=False).read()


class _ConditionReader:
    """Parses one condition, which has to evaluate to `wanted`."""

    def __init__(self, text: str, *, wanted: bool) -> None:
        if len(text) > LONGEST:
            raise NotBounded(f"it is longer than {LONGEST} characters")
        self._tokens = list(_tokens(text))
        self._place = 0
        self._wanted = wanted
        self._notes: list[str] = []

    def read(self) -> BoundCondition:
        found = self._disjunction(self._wanted)
        if self._word:
            raise NotBounded(f"cannot read it from {self._word!r} on")
        if found is None:
            raise NotBounded("it only asks whether there is data")
        return BoundCondition(found, tuple(dict.fromkeys(self._notes)))

    @property
    def _word(self) -> str:
        return self._tokens[self._place] if self._place < len(self._tokens) else ""

    def _take(self, *words: str) -> str | None:
        word = self._word
        if word and word in words:
            self._place += 1
            return word
        return None

    def _need(self, word: str) -> None:
        if self._take(word) is None:
            raise NotBounded(f"{word!r} expected, found {self._word or 'its end'!r}")

    def _disjunction(self, wanted: bool) -> Bound | None:
        parts = [self._conjunction(wanted)]
        while self._take("||", "or"):
            parts.append(self._conjunction(wanted))
        return self._join(parts, every=not wanted)

    def _conjunction(self, wanted: bool) -> Bound | None:
        parts = [self._comparison(wanted)]
        while self._take("&&", "and"):
            parts.append(self._comparison(wanted))
        return self._join(parts, every=wanted)

    def _join(self, parts: list[Bound | None], *, every: bool) -> Bound | None:
        """The bound of parts of which `every` one has to hold, or any; a part that only tests for data is None."""
        bounds = [part for part in parts if part is not None]
        if len(parts) > 1 and len(bounds) < len(parts) and not every:
            self._notes.append(NO_DATA)
        if not bounds:
            return None
        if len(bounds) > 1 and not every:
            raise NotBounded("one of several conditions is enough")
        return reduce(Bound.within, bounds)

    def _comparison(self, wanted: bool) -> Bound | None:
        if self._take("!", "not"):
            return self._comparison(not wanted)
        if self._take("("):
            found = self._disjunction(wanted)
            self._need(")")
            return found
        if self._word == "all" and wanted:
            return self._all()
        left = self._operand()
        op = self._take("<", "<=", ">", ">=", "==", "!=")
        if op is None:
            if left == "silence":
                return None
            raise NotBounded("it does not compare with a number")
        right = self._operand()
        if "silence" in (left, right):
            return None
        if isinstance(right, str) and isinstance(left, float):
            left, right, op = right, left, _FLIPPED[op]
        if not (isinstance(left, str) and isinstance(right, float)):
            raise NotBounded("it does not compare the result with a number")
        return _bound_for(op if wanted else _NEGATED[op], right)

    def _all(self) -> Bound:
        """The bound of `all(result, {# >= 0.9})` or `all(result, # >= 0.9)`."""
        self._need("all")
        self._need("(")
        self._operand()
        self._need(",")
        braces = self._take("{")
        found = self._disjunction(True)
        if braces:
            self._need("}")
        self._need(")")
        if found is None:
            raise NotBounded("it only asks whether there is data")
        self._notes.append("there it holds for every series; here for their mean")
        return found

    def _operand(self) -> float | str:
        """A number, "result", or "silence" for a term that only asks whether there is data."""
        if self._take("-"):
            inner = self._operand()
            if not isinstance(inner, float):
                raise NotBounded("it computes with the result")
            return -inner
        word = self._word
        self._place += 1
        if (value := number(word)) is not None:
            return value
        if word in ("nil", "null"):
            return "silence"
        if word == "#":
            return "result"
        if word == "result":
            self._skip_index()
            return "result"
        if word in _SILENCE or word in ("default", "float", "asFloat", "int", "asInt"):
            return self._call(word)
        raise NotBounded(f"cannot read it from {word or 'its end'!r} on")

    def _skip_index(self) -> None:
        while self._take("["):
            if number(self._word) != 0:
                raise NotBounded(f"it reads result[{self._word}]")
            self._place += 1
            self._need("]")
        if self._word == ".":
            raise NotBounded("it reads a field of the result")

    def _call(self, name: str) -> str:
        self._need("(")
        inner = self._operand()
        if name == "default":
            self._need(",")
            self._notes.append(f"no data counts as {self._operand()} there; here it is no data")
        self._need(")")
        return "silence" if name in _SILENCE else str(inner)


def _bound_for(op: str, value: float) -> Bound:
    match op:
        case "<" | "<=":
            return Bound(high=value)
        case ">" | ">=":
            return Bound(low=value)
        case "==":
            return Bound(value, value)
        case _:
            raise NotBounded("it only excludes one value")


def _tokens(text: str) -> Iterator[str]:
    text, place = text.strip(), 0
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            raise NotBounded(f"cannot read it from {text[place : place + 12].strip()!r} on")
        place = found.end()
        yield found.group().strip()
