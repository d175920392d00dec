"""Find the label of the arms in a query; widen the query to both."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from console.manifests.promql.tree import (
    Aggregation,
    Binary,
    Expr,
    FunctionCall,
    Matcher,
    Number,
    Range,
    Selector,
    selectors,
)

_WORD = re.compile(r"[\w.\-/:]+")
_SPECIAL = re.compile(r"([\\.+*?()|\[\]{}^$])")
_KEEPS_LABELS = re.compile(
    r"i?rate|increase|i?delta|deriv|resets|changes|abs|ceil|floor|round|clamp(_min|_max)?|ln|log2|log10|exp|sqrt|sgn"
    r"|(avg|min|max|sum|count|quantile|last|stddev)_over_time|sort(_desc)?|histogram_quantile"
)
_GROUPS = frozenset({"sum", "avg", "min", "max", "count", "stddev", "stdvar", "group", "quantile"})


class NotSplit(ValueError):
    """A query that cannot cover both versions at once. One plain line."""


@dataclass(frozen=True, slots=True)
class Arms:
    """The label of the arms, and its two values."""

    label: str
    canary: str
    baseline: str
    of: str | None = None
    """The target whose versions are the values, where they differ with every rollout; None: the two values hold."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """The names that a manifest uses for the canary, each with that of the baseline."""

    of: Mapping[str, str]
    """Canary's value -> baseline's value: service names, workload names."""
    versions: tuple[str, str] | None = None
    """Stand-ins for the versions (pod template hashes) of canary and baseline, which no manifest knows."""
    target: str = ""
    """The plan's target that knows the versions."""

    def baseline(self, value: str) -> str | None:
        """The baseline's name for a canary's `value`, also in a host (`web-canary.shop.svc`); None for any other."""
        if self.versions is not None and value == self.versions[0]:
            return self.versions[1]
        host, dot, rest = value.partition(".")
        if value in self.of:
            return self.of[value]
        return self.of[host] + dot + rest if host in self.of and dot else None

    def is_baseline(self, value: str) -> bool:
        """True where `value` names the baseline."""
        if self.versions is not None and value == self.versions[1]:
            return True
        return value.partition(".")[0] in self.of.values()

    def arms(self, label: str, canary: str) -> Arms:
        """The arms of a label whose value for the canary is `canary`; it must have a baseline."""
        known = self.versions is not None and canary == self.versions[0]
        return Arms(label, canary, str(self.baseline(canary)), self.target if known else None)


def arms_of(expr: Expr, pairs: Pairs) -> Arms | None:
    """The label by which every selector selects the canary, or None. Raises NotSplit where one selects the baseline."""
    found: dict[str, set[str]] = {}
    selected = [_exact_values(selector) for selector in selectors(expr)]
    for exact in selected:
        for label, value in exact.items():
            if pairs.is_baseline(value) and pairs.baseline(value) is None:
                raise NotSplit(f"it reads the other version ({label} {value}), or compares the two itself")
            if pairs.baseline(value) is not None:
                found.setdefault(label, set()).add(value)
    for label, values in found.items():
        if len(values) == 1 and all(label in exact for exact in selected):
            return pairs.arms(label, values.pop())
    return None


def widen_to_both(selector: Selector, arms: Arms | None) -> Selector:
    """A selector of the canary's series, widened to the baseline's; unchanged for no arms."""
    if arms is None:
        return selector
    if arms.of is not None:
        return replace(selector, matchers=tuple(one for one in selector.matchers if one.label != arms.label))
    wide = Matcher(arms.label, "=~", "|".join(_SPECIAL.sub(r"\\\1", value) for value in (arms.canary, arms.baseline)))
    matchers = tuple(wide if one.label == arms.label else one for one in selector.matchers)
    return replace(selector, matchers=matchers)


def split_by_arm(expr: Expr, arms: Arms) -> Expr:
    """The query with a result for each arm, labeled by their label. Raises NotSplit where a part loses the label."""
    match expr:
        case Number():
            return expr
        case Selector():
            return widen_to_both(expr, arms)
        case Range():
            return replace(expr, selector=widen_to_both(expr.selector, arms))
        case FunctionCall(name=name, args=args) if _KEEPS_LABELS.fullmatch(name):
            return replace(expr, args=tuple(split_by_arm(arg, arms) for arg in args))
        case Aggregation(name=name, args=args) if name in _GROUPS:
            if expr.without and arms.label in expr.labels:
                raise NotSplit(f"its {name} drops {arms.label}")
            labels = expr.labels if expr.without or arms.label in expr.labels else (*expr.labels, arms.label)
            return replace(expr, args=tuple(split_by_arm(arg, arms) for arg in args), labels=labels, grouped=True)
        case Binary() if not expr.matching:
            left, right = split_by_arm(expr.left, arms), split_by_arm(expr.right, arms)
            return replace(expr, left=left, right=right)
        case _:
            raise NotSplit("a part of it has no label that separates the versions")


def _exact_values(selector: Selector) -> dict[str, str]:
    """Label -> the one value that a selector matches, by `=` or by `=~` with a plain word."""
    found: dict[str, str] = {}
    for one in selector.matchers:
        value = one.value.replace("\\.", ".").removeprefix("^").removesuffix("$") if one.sign == "=~" else one.value
        if one.sign in ("=", "=~") and _WORD.fullmatch(value):
            found[one.label] = value
    return found
