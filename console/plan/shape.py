"""The plan file on disk: one pydantic model per entry, for single values only.

The models check types and ranges. `checks` has the rules across entries: names that exist, keys that need each other,
adapters' own options.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, PlainValidator, Tag

from console.plan.calendar import Edge, days, edge, zone
from console.plan.quantities import Amount, ExposureValue, QuantityError, amount, duration, exposure, rate, ratio

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DAY_S = 86_400.0


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        near = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("._-")[:64]
        hint = f"write {near}" if near and near != text else None
        raise QuantityError("a name is letters, digits, dots, - and _, at most 64, the first a letter or digit", hint)
    return text


def _query(text: str) -> str:
    if not text.strip():
        raise QuantityError("must not be empty")
    return text.strip()


def _words(text: str) -> str:
    if len(text) > 500 and text.strip():
        raise QuantityError("must be at most 500 characters")
    return _query(text)


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


def _not_zero(value_s: float) -> float:
    if value_s < 0.01:
        raise QuantityError("must be a positive duration", "write at least 10ms")
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
Interval = Annotated[float, BeforeValidator(duration), AfterValidator(_not_zero), _at_most(_DAY_S / 24)]
Ratio = Annotated[float, BeforeValidator(ratio)]
RateGiven = Annotated[float, BeforeValidator(rate)]
AmountGiven = Annotated[Amount, PlainValidator(amount)]
ExposureGiven = Annotated[ExposureValue, PlainValidator(exposure)]
Settings = Annotated[dict[str, ExposureGiven], Field(min_length=1)]
Requests = Annotated[int, Field(ge=0, le=10**12)]
Approvals = Annotated[int, Field(ge=0, le=9)]
Days = Annotated[frozenset[int], PlainValidator(days)]
EdgeGiven = Annotated[Edge, PlainValidator(edge)]
Zone = Annotated[str, AfterValidator(zone)]


class Entry(BaseModel):
    """Base of a plan's entries: unknown keys are errors, values are not converted silently."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class TeamEntry(Entry):
    """One entry of `teams`."""

    owner: Words | None = None
    escalate: list[Words] = []


class TimingEntry(Entry):
    """`timing`: intervals and deadlines in seconds."""

    poll: Interval = 5.0
    tick: Interval | None = None
    read_deadline: Interval = 4.0
    write_deadline: Interval = 5.0
    gone: Interval = 120.0


class BackendEntry(Entry):
    """One entry of `backends`; its other keys are checked by the adapter's Options model."""

    model_config = ConfigDict(extra="allow")

    adapter: str


class TargetEntry(Entry):
    """One entry of `targets`."""

    backend: str
    name: Words | None = None
    canary: Words | None = None
    baseline: Words | None = None
    rule: Words | None = None
    kind: Literal["deploy", "flag"] | None = None
    team: str | None = None


class ArmsEntry(Entry):
    """`arms` of a metric: a label and its values, or a target's versions."""

    label: Words
    canary: Words | None = None
    baseline: Words | None = None
    of: str | None = None


Arms = Annotated[
    Annotated[ArmsEntry, Tag("named")] | Annotated[Literal["none"], Tag("none")],
    Discriminator(lambda given: "none" if given == "none" else "named"),
]


class TrafficEntry(Entry):
    """`traffic` of a metric, both arms together, for `check` without a backend."""

    rate: RateGiven
    bad: AmountGiven = Amount(0.0, percent=True)


class MetricEntry(Entry):
    """One entry of `metrics`."""

    backend: str
    of: str | None = None
    shape: Literal["counts", "good_total", "gauge", "histogram"] = "counts"
    bad: Query | None = None
    events: Query | None = None
    good: Query | None = None
    total: Query | None = None
    value: Query | None = None
    buckets: Query | None = None
    arms: Arms | None = None
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
    """People who may use a verb."""

    users: list[Words] = []
    groups: list[Words] = []
    owners: bool = False


class AuthorityEntry(Entry):
    """`authority` of the plan: verb to people."""

    promote: WhoEntry | None = None
    override: WhoEntry | None = None
    resume: WhoEntry | None = None
    place: WhoEntry | None = None
    accept: WhoEntry | None = None
    close: WhoEntry | None = None
    approve: WhoEntry | None = None
    take: WhoEntry | None = None


class StageAuthorityEntry(Entry):
    """`authority` of a stage: verb to people."""

    promote: WhoEntry | None = None
    override: WhoEntry | None = None
    approve: WhoEntry | None = None


class WindowEntry(Entry):
    """One launch window or freeze."""

    days: Days | None = None
    begins: EdgeGiven | None = Field(None, alias="from")
    ends: EdgeGiven | None = Field(None, alias="to")
    zone: Zone | None = None
    reason: Words | None = None


class WindowsEntry(Entry):
    """`windows`: launch windows and freezes, with their default zone."""

    zone: Zone | None = None
    launch: Annotated[list[WindowEntry], Field(min_length=1)] | None = None
    freeze: Annotated[list[WindowEntry], Field(min_length=1)] | None = None


class RungEntry(Entry):
    """One rung of `escalation`."""

    after: Duration
    call: Words


class StageEntry(Entry):
    """One entry of `stages`."""

    name: Name
    set: Settings | None = None
    manual: Words | None = None
    bake: Duration = 0.0
    min_requests: Requests = 0
    one_way: bool = False
    team: str | None = None
    approvals: Approvals = 0
    authority: StageAuthorityEntry | None = None


class StagesFromEntry(Entry):
    """`stages` as a mapping: taken from the own steps of a target's backend."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)

    target: str = Field(alias="from")
    bake: Duration = 0.0
    min_requests: Requests = 0
    team: str | None = None
    approvals: Approvals = 0


def _stages_tag(given: object) -> str:
    taken = isinstance(given, StagesFromEntry) or (isinstance(given, dict) and "from" in given)
    return "taken" if taken else "listed"


class StepEntry(Entry):
    """One entry of `rollback`."""

    id: Name
    set: Settings | None = None
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
        Discriminator(_stages_tag),
    ]
    rollback: list[StepEntry] | None = None
    rollback_order: Literal["needs", "listed"] | None = None
    authority: AuthorityEntry | None = None
    windows: WindowsEntry = WindowsEntry()
    escalation: list[RungEntry] = []
