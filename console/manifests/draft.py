"""The draft of a plan, and the parts that a plan cannot express. Plain values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from adapters.sanitize import one_line
from console.manifests.bound import Bound

PASSWORD_IN_URL = re.compile(r"://[^/\s@:]*:[^/\s@]*@")
"""A password in a URL, which neither a value nor a comment of a plan may hold."""
NOWHERE = "http://fill-me-in.invalid:9090"
"""The address of a Prometheus that no manifest names: no resolver knows it, so no server is read by mistake."""


@dataclass(frozen=True, slots=True)
class Check:
    """One number that a manifest checks, and the bound it has to keep."""

    name: str
    origin: str
    """Its place in the files: "AnalysisTemplate errors (rollout.yaml:12)"."""
    query: str | None = None
    """PromQL with its arguments filled in; None where it is not for Prometheus (see `unmapped`)."""
    bound: Bound | None = None
    decides: bool = True
    """True where it can stop the rollout; otherwise it is only shown."""
    notes: tuple[str, ...] = ()
    """Parts that are not carried over, or have another meaning here."""
    unmapped: str | None = None
    """Why it cannot be a metric; None where it can."""
    address: str | None = None
    """URL of the Prometheus it reads; None: the controller's own, which no manifest names."""
    org: str | None = None
    """The tenant (X-Scope-OrgID)."""
    warmup: str | None = None
    measured: Measured | None = None
    """The controller's own measurement, where it can replace a query; None where it cannot."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A number that the controller measures and stores."""

    name: str
    throughout: bool = False
    """True where it is measured for as long as the rollout climbs; otherwise some stages have no measurement."""
    stale_after: str | None = None
    """Age from which it is stale, as a plan writes it; None: not known."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of `backends:`, `targets:`, `metrics:` or `stages:`."""

    name: str
    options: tuple[tuple[str, str], ...]
    """Key -> value as it is written in YAML, in the plan's order."""
    notes: tuple[str, ...] = ()
    aside: str = ""
    """A comment behind it on the same line."""


@dataclass(frozen=True, slots=True)
class Unmapped:
    """A part of a manifest that is not in the plan."""

    what: str
    why: str
    origin: str
    decides: bool = False
    """True where it can stop the rollout."""
    text: tuple[str, ...] = ()
    """Its text, line by line."""


@dataclass(slots=True)
class Draft:
    """The draft of one plan, filled in by the reader of each kind of manifest."""

    name: str
    title: str
    origin: str
    about: list[str] = field(default_factory=list)
    """Facts to know before using the plan, a paragraph each."""
    backends: list[Entry] = field(default_factory=list)
    targets: list[Entry] = field(default_factory=list)
    metrics: list[Entry] = field(default_factory=list)
    stages: list[Entry] = field(default_factory=list)
    about_stages: str = ""
    """How the stages follow from the manifest."""
    suggested: tuple[str, ...] = ()
    """A comment in place of metrics where the manifest has none: a sentence, then lines of YAML."""
    unmapped: list[Unmapped] = field(default_factory=list)


def unique_name(text: str, taken: Sequence[str] = (), fallback: str = "unnamed") -> str:
    """A valid name made of `text`, different from every one of `taken`."""
    base = re.sub(r"[^A-Za-z0-9._-]+", "-", one_line(text, 200)).strip("._-")[:60].rstrip("._-") or fallback
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base}-{number}"
    return name


def yaml_quote(text: str) -> str:
    """`text` on one line as a single-quoted YAML scalar."""
    return "'" + one_line(text, 20_000).replace("'", "''") + "'"


def yaml_text(text: str) -> str:
    """`text` as a YAML scalar: plain where YAML reads that as text, else quoted."""
    safe = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/-]*", text)
    numeric = re.fullmatch(r"0[xo].*|[0-9._eE-]*", text)
    words = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
    return text if safe and not numeric and text.lower() not in words else yaml_quote(text)
