"""Load a plan; report all its faults at once, with their lines.

The format is YAML 1.2, one document, no tags, anchors or aliases (`document`). `shape` has the types of single values,
`checks` the rules across entries, `lint` the advice. Nothing in the file is executed.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from adapters.contract import ArmLabels, Kind, MetricQuery, Setting, Shape, TargetRef
from adapters.registry import Adapter
from console.plan import nouns, shape
from console.plan.backends import address_of, options_of
from console.plan.calendar import window
from console.plan.checks import Parts, check
from console.plan.document import LARGEST_BYTES, PlanNode, read
from console.plan.lint import warnings
from console.plan.nouns import Authority, CalendarWindow, Metric, Plan, Role, Stage, Step, Target
from console.plan.problems import Findings, PlanError, Problem, suggestion
from console.plan.quantities import AtStep, ExposureValue, level, share
from console.plan.shape import PlanFile
from console.plan.wording import empty_hint, report

__all__ = ["PlanError", "Problem", "load", "parse", "warnings"]

FORMAT = 1
"""The plan format this console reads, the value of the key `warroom`."""


def load(path: Path, *, queried: bool = True) -> Plan:
    """Read the plan file at `path`.

    `queried`: the metrics will be queried, so their queries and arms are required; False if samples are given.

    Raises:
        PlanError: the plan has problems; it has all of them, in the order of the file.
    """
    findings = Findings(str(path))
    data = _read_bytes(path, findings)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        findings.add(line, (), f"is not UTF-8 text (byte {error.start})", hint="save the file as UTF-8")
        raise PlanError(findings.problems) from None
    return _plan(text, data, findings, queried=queried)


def parse(text: str, file: str, *, queried: bool = True) -> Plan:
    """Read a plan from its text; `file` names it in problems. Otherwise as `load`.

    Raises:
        PlanError: as for `load`.
    """
    return _plan(text, text.encode("utf-8", "surrogatepass"), Findings(file), queried=queried)


def _read_bytes(path: Path, findings: Findings) -> bytes:
    try:
        # reading a pipe or a device could block endlessly, so the type of the file is checked first
        if path.is_dir():
            findings.add(1, (), "is a directory, not a plan file")
        elif not stat.S_ISREG(path.stat().st_mode):
            findings.add(1, (), "is not a regular file")
        else:
            with path.open("rb") as file:
                return file.read(LARGEST_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL in it
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not a usable path"
        findings.add(1, (), f"cannot be read: {reason}", hint=_similar_file(path))
    raise PlanError(findings.problems)


def _similar_file(path: Path) -> str | None:
    try:
        near = sorted(entry.name for entry in path.parent.iterdir() if entry.suffix in (".yaml", ".yml"))
    except (OSError, ValueError):
        return None
    return suggestion(path.name, near)


def _plan(text: str, data: bytes, findings: Findings, *, queried: bool) -> Plan:
    root = read(text, findings)
    _check_format(root, findings)
    file = _validate(root, findings)
    _check_empty(root, (), text.splitlines(), findings)
    parts = check(root, findings, queried=queried)
    findings.raise_if_any()
    if file is None:
        raise AssertionError("a plan that did not validate left no problem")
    return _build(file, root, parts, findings.file, text, hashlib.sha256(data).hexdigest())


def _check_format(root: PlanNode, findings: Findings) -> None:
    """Raise PlanError for a plan of another format, whose other problems mean nothing."""
    node = root.entries.get("warroom")
    if node is None:
        hint = f"write warroom: {FORMAT}, the format of the plan"
        findings.add(root.line, ("warroom",), "required key 'warroom' is missing", hint=hint)
        return
    if node.value is None or (node.value == FORMAT and isinstance(node.value, int | float)):
        return
    hint = f"write warroom: {FORMAT}"
    if isinstance(node.value, int) and node.value > FORMAT:
        hint = "this plan was written for a newer warroom"
    only = Findings(findings.file)
    only.add(node.line, ("warroom",), f"this warroom reads plan format {FORMAT}", found=node.display_text, hint=hint)
    only.raise_if_any()


def _validate(root: PlanNode, findings: Findings) -> PlanFile | None:
    data = root.plain()
    if isinstance(data.get("teams"), dict):
        data["teams"] = {name: {} if team is None else team for name, team in data["teams"].items()}
    try:
        return PlanFile.model_validate(data)
    except ValidationError as error:
        report(error, root, (), PlanFile, findings)
        return None


def _check_empty(node: PlanNode, path: tuple[str | int, ...], lines: list[str], findings: Findings) -> None:
    """Add a problem for each key without a value.

    It is an oversight, never "none". Only a team may have no value, because it needs no keys.
    """
    if node.value is None and not node.broken and not (len(path) == 2 and path[0] == "teams"):
        line = lines[node.key_line - 1] if node.key_line <= len(lines) else ""
        findings.add(node.key_line, path, "has no value", hint=empty_hint(str(path[-1]), line))
    for key, inner in node.entries.items():
        _check_empty(inner, (*path, key), lines, findings)
    for number, inner in enumerate(node.items):
        _check_empty(inner, (*path, number), lines, findings)


def _build(file: PlanFile, root: PlanNode, parts: Parts, path: str, text: str, digest: str) -> Plan:
    entries, adapters, times = root.entries["backends"].entries, parts.adapters, file.timing
    taken = file.stages if isinstance(file.stages, shape.StagesFromEntry) else None
    targets = {name: _target(name, target, parts.kinds[name]) for name, target in file.targets.items()}
    return Plan(
        rollout=file.rollout,
        title=file.title or file.rollout,
        risk=file.risk,
        teams={name: nouns.Team(name, team.owner, tuple(team.escalate)) for name, team in file.teams.items()},
        backends={name: _backend(name, adapters[name], options_of(entry)) for name, entry in entries.items()},
        targets=targets,
        metrics={name: _metric(name, metric, targets) for name, metric in file.metrics.items()},
        stages=tuple(_stage(each, parts.kinds) for each in (file.stages if isinstance(file.stages, list) else ())),
        stages_from=None
        if taken is None
        else nouns.StagesFrom(taken.target, taken.bake, taken.min_requests, taken.approvals, taken.team),
        rollback=None if file.rollback is None else tuple(_step(each, parts.kinds) for each in file.rollback),
        one_by_one=file.rollback_order == "listed",
        timing=nouns.Timing(times.poll, times.tick, times.read_deadline, times.write_deadline, gone_s=times.gone),
        authority=_authority(file.authority),
        launch=_windows(file.windows.launch, file.windows.zone),
        freeze=_windows(file.windows.freeze, file.windows.zone),
        escalation=tuple(nouns.Rung(rung.after, rung.call) for rung in file.escalation),
        path=path,
        digest=digest,
        on_fail=nouns.OnFail(file.on_fail),
        text=text,
    )


def _backend(name: str, adapter: Adapter, options: Mapping[str, object]) -> nouns.BackendSpec:
    return nouns.BackendSpec(name, adapter.name, adapter.kinds, options, address_of(adapter, options))


def _authority(entry: shape.AuthorityEntry | shape.StageAuthorityEntry | None) -> dict[str, Authority]:
    given = {} if entry is None else {act: getattr(entry, act) for act in type(entry).model_fields}
    return {
        act: Authority(tuple(who.users), tuple(who.groups), who.owners) for act, who in given.items() if who is not None
    }


def _windows(given: list[shape.WindowEntry] | None, default: str | None) -> tuple[CalendarWindow, ...]:
    return tuple(
        window(item.days, item.begins, item.ends, item.zone or default or "UTC", item.reason or "")
        for item in given or ()
    )


def _stage(entry: shape.StageEntry, kinds: dict[str, Kind]) -> Stage:
    sets = _settings(entry.set, kinds)
    who, least = _authority(entry.authority), entry.min_requests
    return Stage(entry.name, sets, entry.manual, entry.bake, least, entry.one_way, entry.team, entry.approvals, who)


def _step(entry: shape.StepEntry, kinds: dict[str, Kind]) -> Step:
    sets, needs = _settings(entry.set, kinds), tuple(entry.needs)
    return Step(entry.id, sets, entry.manual, needs, entry.team, entry.timeout, entry.repeatable)


def _target(name: str, entry: shape.TargetEntry, kind: Kind) -> Target:
    ref = TargetRef(name, entry.name or name, entry.canary, entry.baseline, entry.rule, kind)
    return Target(ref, entry.backend, kind, entry.team)


def _metric(name: str, entry: shape.MetricEntry, targets: Mapping[str, Target]) -> Metric:
    gauge = entry.shape == "gauge"
    arms = None
    if isinstance(given := entry.arms, shape.ArmsEntry):
        arms = ArmLabels(given.label, given.canary or "", given.baseline or "", given.of)
    ref, bad = None if entry.of is None else targets[entry.of].ref, entry.events or entry.bad
    measure, tolerance = (level, nouns.GAUGE_TOLERANCE) if gauge else (share, nouns.TOLERANCE)
    return Metric(
        MetricQuery(name, Shape(entry.shape), arms, entry.total, bad, entry.good, entry.value, entry.buckets, ref),
        entry.backend,
        role=Role(entry.role or ("info" if gauge else "critical")),
        tolerance=tolerance if entry.tolerance is None else entry.tolerance,
        pass_below=entry.pass_below,
        limit=None if entry.limit is None else measure(entry.limit),
        negligible=share(entry.negligible),
        min_excess=measure(entry.min_excess) if entry.min_excess is not None else 0.0 if gauge else nouns.MIN_EXCESS,
        falling=entry.worse == "lower",
        warmup_s=entry.warmup,
        stale_after_s=entry.stale_after,
        without_baseline=entry.arms == "none" or entry.of is not None,
        traffic=None if entry.traffic is None else nouns.ExpectedTraffic(entry.traffic.rate, share(entry.traffic.bad)),
        links=dict(entry.links),
        team=entry.team,
    )


def _settings(given: dict[str, ExposureValue] | None, kinds: dict[str, Kind]) -> dict[str, Setting]:
    return {target: _setting(exposure, kinds[target]) for target, exposure in (given or {}).items()}


def _setting(exposure: ExposureValue, kind: Kind) -> Setting:
    if exposure == "off":
        return Setting(percent=None, on=False)
    if isinstance(exposure, AtStep):
        return Setting(None, step=exposure.step)
    percent = 100 if exposure == "on" else int(exposure)
    return Setting(percent, on=True if kind is Kind.FLAGS else None)
