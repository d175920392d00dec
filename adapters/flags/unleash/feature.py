"""Read an Unleash feature, and find the one percentage we may drive.

Here: the wire models of `GET /api/admin/projects/P/features/F` and of the event search, and the reading of them. Pure:
no network. An enabled environment exposes every user whom any of its strategies lets in, so a percentage means
something only where there is exactly one strategy, a flexibleRollout without conditions, or where the plan names one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, Field

from adapters.sanitize import one_line

_PERCENT = re.compile(r"[0-9]{1,3}(\.[0-9]{1,6})?")
_SHOWN = 4
"""Strategies named in a problem before the rest is counted."""


class FeatureStrategy(BaseModel):
    """One strategy of an environment."""

    id: str
    name: str
    disabled: bool = False
    parameters: dict[str, object] = Field(default_factory=dict)
    constraints: list[object] = Field(default_factory=list)
    segments: list[object] = Field(default_factory=list)

    @property
    def rollout(self) -> str | None:
        """The percentage as Unleash stores it, which may be any text. None where there is none."""
        value = self.parameters.get("rollout")
        return value if isinstance(value, str) else None

    def __str__(self) -> str:
        share = f" {one_line(self.rollout, 12)} %" if self.rollout is not None else ""
        return one_line(self.name, 40) + share + (" (disabled)" if self.disabled else "")


class Environment(BaseModel):
    """One environment of a feature."""

    name: str
    enabled: bool
    strategies: list[FeatureStrategy]


class Dependency(BaseModel):
    """A parent feature; while its condition fails, no user is exposed."""

    feature: str


class Feature(BaseModel):
    """The answer to `GET /api/admin/projects/P/features/F`."""

    name: str
    archived: bool = False
    environments: list[Environment]
    dependencies: list[Dependency] = Field(default_factory=list)


class UnleashEvent(BaseModel):
    """One change, from `GET /api/admin/search/events`."""

    createdBy: str


class UnleashEvents(BaseModel):
    """The answer of the event search, newest first."""

    events: list[UnleashEvent]


@dataclass(frozen=True, slots=True)
class FlagState:
    """A feature in one environment, as far as it can be driven."""

    on: bool
    percent: float | None
    """None where it is unknown; see `problem`."""
    strategy: str | None = None
    """Id of the strategy we drive; None where there is none yet."""
    rollout: str | None = None
    """Its percentage as stored."""
    detail: str = ""
    problem: str | None = None

    def __str__(self) -> str:
        share = "an unknown share" if self.percent is None else f"{self.percent:g} %"
        return f"{share}, {'on' if self.on else 'off'}"


def flag_state(environment: Environment, rule: str | None, parents: Sequence[str] = ()) -> FlagState:
    """Find the strategy we drive and its percentage. `problem` says why none can be driven.

    Args:
        rule: the strategy's id where the plan names one.
        parents: features this one depends on, for the detail.
    """
    enabled = [strategy for strategy in environment.strategies if not strategy.disabled]
    if rule is not None:
        named = [strategy for strategy in environment.strategies if strategy.id == rule]
        if not named:
            gone = f"no strategy {one_line(rule, 40)} ({_list_text(environment.strategies, ids=True)})"
            return FlagState(environment.enabled, None, problem=gone)
        chosen = named[0]
    elif not environment.strategies:
        if not environment.enabled:
            return FlagState(False, 0.0, detail="no strategy yet")
        return FlagState(True, 100.0, problem="switched on without a strategy: every user is exposed")
    elif len(enabled) != 1:
        return FlagState(environment.enabled, None, problem=_not_one(environment.strategies, enabled))
    else:
        chosen = enabled[0]
    detail = f"strategy {one_line(chosen.id, 40)}"
    others = [strategy for strategy in enabled if strategy is not chosen]
    if others:
        detail += f", beside {_list_text(others)}"
    if parents:
        detail += f", depends on {one_line(', '.join(parents), 80)}"
    percent, problem = _percent(chosen)
    conditions = _conditions(chosen)
    if conditions and problem is None:
        if rule is None:
            problem = f"its strategy has {conditions}: {percent:g} % of an unknown share; name it with `rule:`"
        else:
            detail += f", with {conditions}"
    return FlagState(environment.enabled, percent, chosen.id, chosen.rollout, detail, problem)


def _percent(strategy: FeatureStrategy) -> tuple[float | None, str | None]:
    if strategy.disabled:
        return None, f"its strategy is disabled: {strategy}; enable it in Unleash"
    if strategy.name != "flexibleRollout":
        return None, f"its strategy is {one_line(strategy.name, 40)}, which has no percentage"
    if strategy.rollout is None or not _PERCENT.fullmatch(strategy.rollout) or float(strategy.rollout) > 100:
        found = one_line(strategy.parameters.get("rollout", "missing"), 30)
        return None, f"its percentage is {found!r}, not 0 to 100"
    return float(strategy.rollout), None


def _conditions(strategy: FeatureStrategy) -> str:
    """Name the conditions that narrow the users whom the percentage applies to."""
    found = (("constraints", strategy.constraints), ("segments", strategy.segments))
    return " and ".join(word for word, held in found if held)


def _not_one(strategies: Sequence[FeatureStrategy], enabled: Sequence[FeatureStrategy]) -> str:
    if not enabled:
        return f"no strategy is enabled ({_list_text(strategies)}); enable one in Unleash"
    return f"{len(enabled)} strategies: {_list_text(enabled)}; name one with `rule:`"


def _list_text(strategies: Sequence[FeatureStrategy], *, ids: bool = False) -> str:
    if not strategies:
        return "there is none"
    names = [f"{one_line(strategy.id, 40)} {strategy}" if ids else str(strategy) for strategy in strategies]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
