"""The plan file as it stands on disk: one pydantic model per entry, types and ranges of single values only.

What must fit together (names that exist, keys that need each other, adapters' own options) is checked in `checks`.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainValidator,
    Tag,
)

from console.plan.calendar import Edge, days, edge, zone
from console.plan.quantities import Amount, Exposure, QuantityError, amount, duration, exposure, rate, ratio

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DAY_S = 86_400.0


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        near = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("._-")[:64]
        hint = f"write {near}" if near and near != text else None
        raise QuantityError("a name is letters, digits, dots, - and _, at most 64, the first a letter or digit", hint)
    return text


def _words(text: str) -> str:
    if not text.strip():
        raise QuantityError("must not be empty")
    if len(text) > 500:
        raise QuantityError("must be at most 500 characters")
    return text.strip()


def _query(text: str) -> str:
    if not text.strip():
        raise QuantityError("must not be empty")
    return text.strip()


def _link(text: str) -> str:
    if not re.fullmatch(r"https?://\S+", text):
        raise QuantityError("must be a link", "start it with https://")
    return text


def _at_most(longest_s: float) -> AfterValidator:
    def check(value_s: float) -> float:
        if value_s > longest_s:
            raise QuantityError(f"must be at most {longest_s / 3600:g}h")
        return value_s

    return AfterValidator(check)


def _some_time(value_s: float) -> float:
    if value_s < 0.01:
        raise QuantityError("must be more than nothing", "write at least 10ms")
    return value_s


def _above_one(value: float) -> float:
    if value <= 1:
        raise QuantityError("must be more than 1x")
    return value


Name = Annotated[str, AfterValidator(_name)]
Words = Annotated[str, AfterValidator(_words)]
Query = Annotated[str, AfterValidator(_query)]
Link = Annotated[str, AfterValidator(_link)]
Duration = Annotated[float, BeforeValidator(duration), _at_most(7 * _DAY_S)]
Interval = Annotated[float, BeforeValidator(duration), AfterValidator(_some_time), _at_most(_DAY_S / 24)]
Ratio = Annotated[float, BeforeValidator(ratio)]
RateGiven = Annotated[float, BeforeValidator(rate)]
AmountGiven = Annotated[Amount, PlainValidator(amount)]
ExposureGiven = Annotated[Exposure, PlainValidator(exposure)]


Days = Annotated[frozenset[int], PlainValidator(days)]
EdgeGiven = Annotated[Edge, PlainValidator(edge)]
Zone = Annotated[str, AfterValidator(zone)]


class Entry(BaseModel):
    """What every entry of a plan has: no key is ignored, nothing is converted behind the writer's back."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class TeamEntry(Entry):
    owner: Words | None = None
    escalate: list[Words] = []


class TimingEntry(Entry):
    poll: Interval = 5.0
    tick: Interval | None = None
    read_deadline: Interval = 4.0
    write_deadline: Interval = 5.0
    gone: Interval = 120.0


class BackendEntry(Entry):
    """Its other keys belong to the adapter, whose Options model knows them."""

    model_config = ConfigDict(extra="allow")

    adapter: str


class TargetEntry(Entry):
    backend: str
    name: Words | None = None
    canary: Words | None = None
    baseline: Words | None = None
    rule: Words | None = None
    kind: Literal["deploy", "flag"] | None = None
    team: str | None = None


class ArmsEntry(Entry):
    label: Words
    canary: Words | None = None
    baseline: Words | None = None
    of: str | None = None


def _named_or_none(given: object) -> str:
    return "none" if given == "none" else "named"


class TrafficEntry(Entry):
    """What to expect of a metric, both arms together, for `check` to reckon with when nobody asks the backend."""

    rate: RateGiven
    bad: AmountGiven = Amount(0.0, percent=True)


class MetricEntry(Entry):
    backend: str
    of: str | None = None
    shape: Literal["counts", "good_total", "gauge", "histogram"] = "counts"
    bad: Query | None = None
    events: Query | None = None
    good: Query | None = None
    total: Query | None = None
    value: Query | None = None
    buckets: Query | None = None
    arms: (
        Annotated[
            Annotated[ArmsEntry, Tag("named")] | Annotated[Literal["none"], Tag("none")],
            Discriminator(_named_or_none),
        ]
        | None
    ) = None
    role: Literal["critical", "guard", "info"] | None = None
    worse: Literal["higher", "lower"] = "higher"
    tolerance: Ratio | None = None
    pass_below: Annotated[Ratio, AfterValidator(_above_one)] = 2.0
    limit: AmountGiven | None = None
    negligible: AmountGiven = Amount(0.05, percent=True)
    min_excess: AmountGiven | None = None
    warmup: Duration = 0.0
    stale_after: Interval | None = None
    traffic: TrafficEntry | None = None
    team: str | None = None
    links: dict[Name, Link] = {}


class WhoEntry(Entry):
    users: list[Words] = []
    groups: list[Words] = []
    owners: bool = False


class AuthorityEntry(Entry):
    promote: WhoEntry | None = None
    override: WhoEntry | None = None
    resume: WhoEntry | None = None
    place: WhoEntry | None = None
    accept: WhoEntry | None = None
    close: WhoEntry | None = None
    approve: WhoEntry | None = None
    take: WhoEntry | None = None


class StageAuthorityEntry(Entry):
    promote: WhoEntry | None = None
    override: WhoEntry | None = None
    approve: WhoEntry | None = None


class WindowEntry(Entry):
    days: Days | None = None
    begins: EdgeGiven | None = Field(None, alias="from")
    ends: EdgeGiven | None = Field(None, alias="to")
    zone: Zone | None = None
    reason: Words | None = None


class WindowsEntry(Entry):
    zone: Zone | None = None
    launch: Annotated[list[WindowEntry], Field(min_length=1)] | None = None
    freeze: Annotated[list[WindowEntry], Field(min_length=1)] | None = None


class RungEntry(Entry):
    after: Duration
    call: Words


class StageEntry(Entry):
    name: Name
    set: Annotated[dict[str, ExposureGiven], Field(min_length=1)] | None = None
    manual: Words | None = None
    bake: Duration = 0.0
    min_requests: Annotated[int, Field(ge=0, le=10**12)] = 0
    one_way: bool = False
    team: str | None = None
    approvals: Annotated[int, Field(ge=0, le=9)] = 0
    authority: StageAuthorityEntry | None = None


class StagesFromEntry(Entry):
    """`stages` as a mapping: taken from a target whose backend owns its steps."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)

    target: str = Field(alias="from")
    bake: Duration = 0.0
    min_requests: Annotated[int, Field(ge=0, le=10**12)] = 0
    team: str | None = None
    approvals: Annotated[int, Field(ge=0, le=9)] = 0


def _listed_or_taken(given: object) -> str:
    taken = isinstance(given, StagesFromEntry) or (isinstance(given, dict) and "from" in given)
    return "taken" if taken else "listed"


class StepEntry(Entry):
    id: Name
    set: Annotated[dict[str, ExposureGiven], Field(min_length=1)] | None = None
    manual: Words | None = None
    needs: list[str] = []
    team: str | None = None
    timeout: Interval | None = None
    repeatable: bool | None = None


class PlanFile(Entry):
    """The whole file."""

    warroom: Literal[1]
    rollout: Name
    title: Words | None = None
    risk: Literal["low", "medium", "high"] = "medium"
    on_fail: Literal["ask", "halt", "rollback"] = "ask"
    teams: dict[Name, TeamEntry] = {}
    timing: TimingEntry = TimingEntry()
    backends: Annotated[dict[Name, BackendEntry], Field(min_length=1)]
    targets: Annotated[dict[Name, TargetEntry], Field(min_length=1)]
    metrics: dict[Name, MetricEntry] = {}
    stages: Annotated[
        Annotated[list[StageEntry], Field(min_length=1), Tag("listed")] | Annotated[StagesFromEntry, Tag("taken")],
        Discriminator(_listed_or_taken),
    ]
    rollback: list[StepEntry] | None = None
    rollback_order: Literal["needs", "listed"] | None = None
    authority: AuthorityEntry | None = None
    windows: WindowsEntry | None = None
    escalation: list[RungEntry] = []
