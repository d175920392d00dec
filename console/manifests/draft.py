"""A plan in the making: what a manifest says, and what of it could not be said in a plan. Plain values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from adapters.sanitize import one_line
from console.manifests.bound import Bound

PASSWORD_IN_URL = re.compile(r"://[^/\s@:]*:[^/\s@]*@")
"""What neither a value nor a comment of a plan holds."""
NOWHERE = "http://fill-me-in.invalid:9090"
"""The address of a Prometheus that no manifest names: no resolver knows it, so nothing is asked by mistake."""


@dataclass(frozen=True, slots=True)
class Check:
    """One number that a manifest looks at, and what it asks of it."""

    name: str
    origin: str
    """Where it stands: "AnalysisTemplate errors (rollout.yaml:12)"."""
    query: str | None = None
    """PromQL with its arguments put in; None where it is not for Prometheus (see `unmapped`)."""
    bound: Bound | None = None
    decides: bool = True
    """It can stop the rollout there; otherwise it is only looked at."""
    notes: tuple[str, ...] = ()
    """What of it is not carried over, or means something else here."""
    unmapped: str | None = None
    """Why it can be no metric."""
    address: str | None = None
    """The Prometheus that is asked; None: the controller's own, which no manifest names."""
    org: str | None = None
    """The tenant asked for (X-Scope-OrgID)."""
    warmup: str | None = None
    measured: Measured | None = None
    """How the controller itself measures it, where that can stand in for a query of ours."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A number that the controller measures and keeps."""

    name: str
    throughout: bool = False
    """Again and again for as long as the rollout climbs; otherwise it is silent at some of the stages."""
    stale_after: str | None = None
    """From what age on it is no news any more."""


@dataclass(frozen=True, slots=True)
class DraftBackend:
    name: str
    adapter: str
    options: tuple[tuple[str, str], ...] = ()
    """Key -> value as it is written in YAML."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DraftTarget:
    name: str
    backend: str
    options: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DraftMetric:
    name: str
    backend: str
    origin: str
    options: tuple[tuple[str, str], ...]
    """Key -> value as it is written in YAML, in the plan's order."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DraftStage:
    name: str
    options: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = ()
    aside: str = ""
    """A few words behind it."""


@dataclass(frozen=True, slots=True)
class Unmapped:
    """What stands in a manifest and not in the plan."""

    what: str
    why: str
    origin: str
    decides: bool = False
    """It can stop the rollout there."""
    text: tuple[str, ...] = ()
    """What it says, line by line."""


@dataclass(slots=True)
class Draft:
    """One plan in the making, filled in by whoever reads a kind of manifest."""

    name: str
    title: str
    origin: str
    about: list[str] = field(default_factory=list)
    """What somebody has to know before using the plan, a paragraph each."""
    backends: list[DraftBackend] = field(default_factory=list)
    targets: list[DraftTarget] = field(default_factory=list)
    metrics: list[DraftMetric] = field(default_factory=list)
    stages: list[DraftStage] = field(default_factory=list)
    about_stages: str = ""
    """How the stages came of the manifest."""
    suggested: tuple[str, ...] = ()
    """What stands in place of metrics where the manifest has none: a sentence, then lines of YAML."""
    unmapped: list[Unmapped] = field(default_factory=list)


def unique_name(text: str, taken: Sequence[str] = (), fallback: str = "unnamed") -> str:
    """A name that a plan takes, after `text`, unlike any of `taken`."""
    base = re.sub(r"[^A-Za-z0-9._-]+", "-", one_line(text, 200)).strip("._-")[:60].rstrip("._-") or fallback
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base}-{number}"
    return name


def yaml_quote(text: str) -> str:
    """Text in single quotes, as YAML takes it on one line."""
    return "'" + one_line(text, 20_000).replace("'", "''") + "'"


def yaml_text(text: str) -> str:
    """Text without quotes where YAML takes it for text without them, else with."""
    safe = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/-]*", text)
    numeric = re.fullmatch(r"0[xo].*|[0-9._eE-]*", text)
    words = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
    return text if safe and not numeric and text.lower() not in words else yaml_quote(text)
