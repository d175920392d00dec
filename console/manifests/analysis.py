"""Read Argo's analysis templates as checks with arguments and bounds.

Source: argoproj.io/v1alpha1 AnalysisTemplate, ClusterAnalysisTemplate, Argo Rollouts 1.0 to 1.10.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from adapters.sanitize import one_line
from console.manifests.arguments import BRACES, Arguments, MissingValue, UnknownArgument, fill_in
from console.manifests.bound import Bound, BoundCondition, NotBounded, read_failure, read_success
from console.manifests.draft import Check, Measured, Unmapped
from console.manifests.draft_start import plan_duration
from console.manifests.origin import Manifest
from console.manifests.tree import Tree
from console.plan.quantities import duration

ARGO = "argoproj.io"
LATEST, STABLE = "warroom.latest.hash", "warroom.stable.hash"
"""Stand-ins for the two pod template hashes, which only the cluster knows."""
_SECRET = MissingValue("is a secret, and a plan never holds one", there=True)
_DRY = "a dry run there: it stops nothing"
_NO_VALUE = MissingValue("has no value in the files")
_DEEPEST = 8
_NUMBERS = frozenset({"prometheus", "datadog", "newRelic", "wavefront", "influxdb", "web"})
"""Providers whose measurement is stored as one number, or as a list of one, if their condition compares one."""
_FIELD = re.compile(r"[A-Za-z0-9]+|\['([^']+)'\]|\[([0-9]+)\]")


@dataclass(frozen=True, slots=True)
class AnalysisScope:
    """The part of a rollout during which an analysis runs."""

    where: str
    throughout: bool


class Analyses:
    """The checks of a Rollout's analyses, by the analysis templates in its files."""

    def __init__(self, manifests: Sequence[Manifest], rollout: Manifest, namespace: str | None) -> None:
        self._templates = {
            (one.kind == "ClusterAnalysisTemplate", one.name): one
            for one in manifests
            if one.group == ARGO and one.kind in ("AnalysisTemplate", "ClusterAnalysisTemplate")
        }
        self._rollout = rollout
        self._namespace = namespace
        self.checks: list[Check] = []
        self.unmapped: list[Unmapped] = []
        """The parts that are no checks."""
        self.used: set[tuple[str, str]] = set()
        """(kind, name) of the templates that an analysis names."""

    def read(self, analysis: Tree, where: str, *, throughout: bool) -> None:
        """Add the checks of one analysis of a step or of the strategy.

        `where`: "step 2", "background"; `throughout`: the analysis runs as long as the rollout climbs.
        """
        given = _arguments(analysis.at("args"), self._rollout, self._namespace)
        dry = [one.text_at("metricName") for one in analysis.at("dryRun").items]
        self._read_templates(analysis, AnalysisScope(where, throughout), given, dry, 0)

    def unused_templates(self) -> Iterator[Unmapped]:
        """The templates in the files that no analysis names."""
        for (_, name), template in self._templates.items():
            if (template.kind, name) not in self.used:
                what = f"{template.kind} {name}"
                yield Unmapped(what, "no analysis of this Rollout names it", template.where())

    def _read_templates(
        self, naming: Tree, scope: AnalysisScope, given: Arguments, dry: Sequence[str], depth: int
    ) -> None:
        for ref in naming.at("templates").items:
            cluster, name = bool(ref.at("clusterScope").truth), one_line(ref.text_at("templateName"), 253)
            kind = "ClusterAnalysisTemplate" if cluster else "AnalysisTemplate"
            self.used.add((kind, name))
            template = self._templates.get((cluster, name))
            origin = f"{kind} {name or '?'}, {scope.where}, {self._rollout.where(ref)}"
            if template is None:
                why = "the template is not in the files: name its file too"
                self.unmapped.append(Unmapped(f"analysis {name or '?'}", why, origin, decides=True))
                continue
            if depth >= _DEEPEST:
                self.unmapped.append(Unmapped(f"analysis {name}", "its templates name each other", origin, True))
                continue
            own = _with_defaults(given, template.spec.at("args"))
            quiet = [*dry, *(one.text_at("metricName") for one in template.spec.at("dryRun").items)]
            for metric in template.spec.at("metrics").items:
                self._add(_check(metric, template, scope, own, quiet))
            self._read_templates(template.spec, scope, own, quiet, depth + 1)

    def _add(self, check: Check) -> None:
        """Add a check; two equal ones become one, which decides if either does."""
        for index, other in enumerate(self.checks):
            if _identity(other) == _identity(check):
                kept, dropped = (other, check) if other.decides or not check.decides else (check, other)
                if dropped.measured is not None and dropped.measured.throughout:
                    kept = replace(kept, measured=dropped.measured)
                self.checks[index] = kept
                return
        self.checks.append(check)


def _identity(check: Check) -> tuple[object, ...]:
    return check.name, check.query, check.bound, check.address, check.unmapped is None


def _arguments(args: Tree, rollout: Manifest, namespace: str | None) -> dict[str, str | MissingValue]:
    return {f"args.{one.text_at('name')}": _value(one, rollout, namespace) for one in args.items if one.text_at("name")}


def _value(arg: Tree, rollout: Manifest, namespace: str | None) -> str | MissingValue:
    if not arg.at("value").is_absent:
        return arg.text_at("value")
    source = arg.at("valueFrom")
    hashed = source.text_at("podTemplateHashValue")
    if hashed in ("Latest", "Stable"):
        return LATEST if hashed == "Latest" else STABLE
    if source.at("secretKeyRef").entries:
        return _SECRET
    path = source.text_at("fieldRef", "fieldPath")
    if path == "metadata.namespace" and namespace:
        return namespace
    if path:
        found = rollout.tree.at(*_path(path)).text
        hint = " (give --namespace)" if path == "metadata.namespace" else ""
        why = f"is the Rollout's {one_line(path, 80)}, which the files do not hold{hint}"
        return found if found else MissingValue(why, there=True)
    return _NO_VALUE


def _path(text: str) -> list[str | int]:
    """The keys of a field path such as `metadata.labels['app.kubernetes.io/name']`."""
    return [int(found[2]) if found[2] is not None else found[1] or found[0] for found in _FIELD.finditer(text)]


def _with_defaults(given: Arguments, args: Tree) -> dict[str, str | MissingValue]:
    """The arguments that a template declares: the values given to it, else its own."""
    own: dict[str, str | MissingValue] = {}
    for one in args.items:
        name = f"args.{one.text_at('name')}"
        if name in given:
            own[name] = given[name]
        elif one.at("valueFrom", "secretKeyRef").entries:
            own[name] = _SECRET
        else:
            own[name] = _NO_VALUE if one.at("value").is_absent else one.text_at("value")
    return own


def _check(metric: Tree, template: Manifest, scope: AnalysisScope, arguments: Arguments, dry: Sequence[str]) -> Check:
    name = one_line(metric.text_at("name"), 100) or "unnamed"
    origin = f"{template.kind} {template.name}, {scope.where}, {template.where(metric)}"
    decides = not any(_matches(pattern, name) for pattern in dry)
    provider = metric.at("provider")
    kind = next(iter(provider.entries), "")
    if kind != "prometheus":
        check = Check(name, origin, decides=decides, unmapped=_other_provider(kind))
        return _with_measured(check, metric, kind, scope, arguments)
    prometheus = provider.at("prometheus")
    try:
        query = fill_in(prometheus.text_at("query"), arguments).strip()
        address = fill_in(prometheus.text_at("address"), arguments).strip() or None
    except UnknownArgument as error:
        check = Check(name, origin, prometheus.text_at("query"), decides=decides, unmapped=str(error))
        return _with_measured(check, metric, kind, scope, arguments)
    try:
        bound, notes = _bound_of(metric, arguments)
    except NotBounded as error:
        return Check(name, origin, query, decides=decides, unmapped=str(error), address=address)
    return Check(
        name=name,
        origin=origin,
        query=query or None,
        bound=bound,
        decides=decides,
        notes=(*notes, *_left_out_notes(metric, prometheus), *([] if decides else [_DRY])),
        unmapped=None if query else "it has no query",
        address=address,
        org=_tenant(prometheus, arguments),
        warmup=plan_duration(metric.text_at("initialDelay")),
    )


def _with_measured(check: Check, metric: Tree, kind: str, place: AnalysisScope, arguments: Arguments) -> Check:
    """`check` with the controller's own measurement, where that is one number of the new version."""
    name = metric.text_at("name")
    named = {each for text in _texts(metric.at("provider")) for each in BRACES.findall(text)}
    if kind not in _NUMBERS or check.name != name or not all(_is_of_new_version(arguments.get(each)) for each in named):
        return check
    try:
        bound, notes = _bound_of(metric, arguments)
    except NotBounded as error:
        return replace(check, unmapped=f"{check.unmapped}; {error}")
    if any("every series" in note for note in notes):
        return check
    every = plan_duration(metric.text_at("interval"))
    endless = place.throughout and every is not None and not metric.at("count").number
    return replace(
        check,
        bound=bound,
        notes=(*notes, *([] if check.decides else [_DRY])),
        warmup=plan_duration(metric.text_at("initialDelay")),
        measured=Measured(name, throughout=endless, stale_after=_stale_after(every)),
    )


def _is_of_new_version(value: str | MissingValue | None) -> bool:
    """True where an argument has a value in the cluster and does not select the old version."""
    return value.there if isinstance(value, MissingValue) else value is not None and value != STABLE


def _stale_after(every: str | None) -> str | None:
    """The plan's `stale_after`: three intervals, and at least half a minute; None for no interval."""
    if every is None:
        return None
    return f"{max(3 * duration(every), 30.0):g}s"


def _texts(tree: Tree) -> Iterator[str]:
    """Every text in a tree, depth first."""
    if tree.text is not None:
        yield tree.text
    for each in (*tree.entries.values(), *tree.items):
        yield from _texts(each)


def _other_provider(kind: str) -> str:
    if kind == "job":
        return "a Kubernetes Job, which reports only its exit code"
    return f"it reads {one_line(kind, 40)}, and warroom reads Prometheus" if kind else "it names no provider"


def _bound_of(metric: Tree, arguments: Arguments) -> tuple[Bound | None, tuple[str, ...]]:
    """(the bound of a metric's conditions, notes); (None, ..) without conditions. Raises NotBounded."""
    read: dict[str, BoundCondition] = {}
    for key, reader in (("successCondition", read_success), ("failureCondition", read_failure)):
        text = metric.text_at(key).strip()
        if not text:
            continue
        try:
            read[key] = reader(fill_in(text, arguments))
        except (NotBounded, UnknownArgument) as error:
            raise NotBounded(f"its {key} ({one_line(text, 120)}) is not a limit: {error}") from None
    if not read:
        return None, ("it has no condition: it never fails there",)
    notes = [note for condition in read.values() for note in condition.notes]
    used = read.get("successCondition") or read["failureCondition"]
    beyond = read.get("failureCondition")
    if beyond is not None and beyond is not used and beyond.bound != used.bound:
        notes.append(f"there it fails only if it is not {beyond.bound}; between the two it is inconclusive")
    return used.bound, tuple(dict.fromkeys(notes))


def _left_out_notes(metric: Tree, prometheus: Tree) -> Iterator[str]:
    allowed = metric.at("failureLimit").number
    if allowed:
        yield f"there {allowed:g} measurements may fail; here evidence decides, not a count"
    if prometheus.at("rangeQuery").entries:
        yield "a range query there: its own range and step are not used here"
    if prometheus.at("authentication").entries:
        yield "its authentication is not carried over: give the backend a token or basic"
    if prometheus.at("insecure").truth:
        yield "it does not verify TLS there; here it always is: give the backend a ca"
    headers = [one_line(one.text_at("key"), 40) for one in prometheus.at("headers").items]
    if others := [name for name in headers if name.lower() != "x-scope-orgid"]:
        yield f"its headers {', '.join(others)} are not sent"


def _tenant(prometheus: Tree, arguments: Mapping[str, str | MissingValue]) -> str | None:
    for header in prometheus.at("headers").items:
        if header.text_at("key").lower() == "x-scope-orgid":
            try:
                return fill_in(header.text_at("value"), arguments) or None
            except UnknownArgument:
                return None
    return None


def _matches(pattern: str, name: str) -> bool:
    """True where a dry run's metricName, a name or a pattern, matches a metric's name."""
    if pattern == name or pattern in (".*", ".+"):
        return True
    wild = re.fullmatch(r"([\w -]*)\.\*([\w -]*)", pattern)
    return wild is not None and name.startswith(wild[1]) and name.endswith(wild[2])
