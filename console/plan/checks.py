"""Checks across a plan: names exist, keys fit together, targets can take their settings.

They work on the tree, not on the models, so an entry with one wrong value still has its other faults reported.
"""

from __future__ import annotations

from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from adapters.contract import Kind
from adapters.registry import Adapter
from console.plan.arms import check_arms, check_difference, check_measured
from console.plan.backends import EMBEDDED, check_backends, target_kind
from console.plan.calendar import check_windows
from console.plan.document import QUERY_KEYS, PlanNode
from console.plan.people import check_people
from console.plan.problems import Findings, Path, suggestion
from console.plan.quantities import QuantityError, amount, level, share

_PARTS = {"counts": ("bad", "total"), "good_total": ("good", "total"), "gauge": ("value",), "histogram": ("buckets",)}
"""Queries of each metric shape: it needs these and takes no others."""
_FALLING = ("events", "total")
"""Queries of shape counts where lower is worse: its events are good, so their key is not `bad`."""
_USES = {Kind.DEPLOY: "deploys", Kind.FLAGS: "flags", Kind.METRICS: "metrics"}


@dataclass(frozen=True)
class Parts:
    """Results of the checks that the plan is built from."""

    adapters: dict[str, Adapter]
    """By backend name."""
    kinds: dict[str, Kind]
    """By target name: DEPLOY or FLAGS."""


def check(root: PlanNode, findings: Findings, *, queried: bool = True) -> Parts:
    """Add a problem for everything in the plan that does not fit together.

    `queried`: whether metrics will be queried; if not, they may lack queries and arms.
    """
    adapters = check_backends(root, findings)
    checker = _Checker(root, findings, adapters, queried)
    kinds = checker.check_targets()
    checker.check_metrics()
    checker.check_stages(kinds)
    checker.check_rollback(kinds)
    check_people(root, findings)
    check_windows(root, findings)
    return Parts(adapters, kinds)


@dataclass(frozen=True)
class _Checker:
    root: PlanNode
    findings: Findings
    adapters: dict[str, Adapter]
    queried: bool

    def check_targets(self) -> dict[str, Kind]:
        kinds: dict[str, Kind] = {}
        for name, entry in self.root.child_entries("targets").items():
            path = ("targets", name)
            self._check_team(entry, path)
            self._check_pair(entry, path)
            adapter = self._adapter(entry, path)
            if adapter is None:
                continue
            kind = target_kind(name, entry, adapter.kinds, self._set_in_words(name))
            if kind is None:
                self._report_unfit(entry, path, adapter)
            else:
                kinds[name] = kind
        return kinds

    def _report_unfit(self, entry: PlanNode, path: Path, adapter: Adapter) -> None:
        given = entry.entries.get("kind")
        able = [kind for kind in (Kind.DEPLOY, Kind.FLAGS) if kind in adapter.kinds]
        if given is None or not able:
            self._report_wrong_use(entry, path, adapter, "a target", (Kind.DEPLOY, Kind.FLAGS))
            return
        hint = f"remove it, or write {'deploy' if given.text == 'flag' else 'flag'}"
        message = f"{adapter.name} has no {given.text} targets"
        self.findings.add(given.line, (*path, "kind"), message, found=given.display_text, hint=hint)

    def _report_wrong_use(
        self, entry: PlanNode, path: Path, adapter: Adapter, what: str, kinds: tuple[Kind, ...]
    ) -> None:
        named = entry.entries["backend"]
        fit = [name for name, other in self.adapters.items() if set(kinds) & set(other.kinds)]
        does = " and ".join(_USES[kind] for kind in adapter.kinds) or "nothing"
        message = f"{named.text!r} ({adapter.name}) is for {does}, not for {what}"
        hint = f"{what} can use: {', '.join(fit)}" if fit else f"declare a backend for {what}"
        self.findings.add(named.line, (*path, "backend"), message, found=named.display_text, hint=hint)

    def check_metrics(self) -> None:
        for name, entry in self.root.child_entries("metrics").items():
            path = ("metrics", name)
            self._check_team(entry, path)
            adapter = self._adapter(entry, path)
            if adapter is not None and Kind.METRICS not in adapter.kinds:
                self._report_wrong_use(entry, path, adapter, "a metric", (Kind.METRICS,))
            shape = entry.child_text("shape") if "shape" in entry.entries else "counts"
            shape = shape if shape in _PARTS else None
            self._check_falling(entry, path, shape)
            measured = (
                adapter is not None
                and Kind.METRICS in adapter.kinds
                and check_measured(self.root, entry, path, adapter, self._names("targets"), self.findings)
            )
            if shape is not None and not measured:
                needed = self.queried and adapter is not None and adapter.name != EMBEDDED
                self._check_queries(entry, path, shape, needed=needed)
            if shape is not None:
                self._check_shares(entry, path, shape)
            if not measured:
                check_arms(entry, path, shape, self._names("targets"), self.findings)

    def _check_falling(self, entry: PlanNode, path: Path, shape: str | None) -> None:
        """Add a problem for keys that a metric with `worse: lower` cannot have."""
        if not _is_falling(entry):
            return
        worse = entry.entries["worse"]
        if shape in ("good_total", "histogram"):
            message = f"shape {shape} is worse when higher: its bad events are counted"
            self.findings.add(worse.line, (*path, "worse"), message, found=worse.display_text, hint="remove it")
        elif shape == "counts" and (limit := entry.entries.get("limit")) is not None:
            message = "a limit is a ceiling, and lower is worse here"
            self.findings.add(limit.key_line, (*path, "limit"), message, hint="remove it")

    def _check_queries(self, entry: PlanNode, path: Path, shape: str, *, needed: bool) -> None:
        parts = _FALLING if shape == "counts" and _is_falling(entry) else _PARTS[shape]
        given = [key for key in QUERY_KEYS if key in entry.entries]
        missing = [key for key in parts if key not in given] if needed else []
        stray = [key for key in given if key not in parts]
        meant = next((other for other, keys in _PARTS.items() if given and set(given) == set(keys)), None)
        if missing and meant is not None:
            node = entry.entries.get("shape")
            line = entry.key_line if node is None else node.line
            message = f"{' and '.join(given)} do not make the shape {shape}"
            self.findings.add(line, (*path, "shape"), message, hint=f"write shape: {meant}")
            return
        for key in missing:
            self.findings.add(entry.key_line, (*path, key), f"required key {key!r} is missing: shape {shape} needs it")
        for key in stray:
            wants = " and ".join(parts)
            message = f"shape {shape} takes no {key!r}; it takes {wants}"
            self.findings.add(entry.entries[key].key_line, (*path, key), message)
        if needed and "arms" not in entry.entries:
            hint = "write arms: {label: version, canary: canary, baseline: stable}"
            message = "required key 'arms' is missing: it separates the canary's series from the baseline's"
            self.findings.add(entry.key_line, (*path, "arms"), message, hint=hint)

    def _check_shares(self, entry: PlanNode, path: Path, shape: str) -> None:
        measure = level if shape == "gauge" else share
        for key, convert in (("limit", measure), ("min_excess", measure), ("negligible", share)):
            node = entry.entries.get(key)
            if node is None or node.value is None or node.entries or node.items:
                continue
            try:
                number = convert(amount(node.value))
            except QuantityError as error:
                self.findings.add(node.line, (*path, key), str(error), found=node.display_text, hint=error.hint)
                continue
            if key == "limit" and shape != "gauge" and number == 0:
                self.findings.add(node.line, (*path, key), "must be more than 0%: no canary can be shown to stay below")

    def check_stages(self, kinds: dict[str, Kind]) -> None:
        entries = self.root.list_items("stages")
        self._check_unique(entries, "name", "stage")
        for path, entry in entries:
            self._check_acts(entry, path, kinds)
        taken = self.root.at(("stages", "from"))
        if taken is not None and self._is_known(taken, ("stages", "from"), "target", self._names("targets")):
            self._check_owns_steps(taken, ("stages", "from"), taken.text or "")

    def _check_owns_steps(self, node: PlanNode, path: Path, target: str) -> None:
        """Add a problem for a step of a target whose backend has no steps."""
        backend = self.root.at(("targets", target, "backend"))
        adapter = self.adapters.get(backend.text or "") if backend is not None else None
        if adapter is not None and not adapter.owns_steps:
            message = f"{target} ({adapter.name}) has no steps of its own"
            self.findings.add(node.line, path, message, found=node.display_text, hint="write a percentage")

    def check_rollback(self, kinds: dict[str, Kind]) -> None:
        entries = self.root.list_items("rollback")
        self._check_unique(entries, "id", "step")
        for path, entry in entries:
            self._check_acts(entry, path, kinds)
        ids = [text for _, entry in entries if (text := entry.child_text("id")) is not None]
        needs: dict[str, list[str]] = {}
        for path, entry in entries:
            wanted = entry.entries["needs"].items if "needs" in entry.entries else ()
            for number, node in enumerate(wanted):
                self._is_known(node, (*path, "needs", number), "step", ids)
            needs[entry.child_text("id") or ""] = [node.text for node in wanted if node.text in ids]
        self._check_set_once(entries)
        try:
            TopologicalSorter(needs).prepare()
        except CycleError as error:
            chain = list(reversed(error.args[1]))
            place, entry = next((path, entry) for path, entry in entries if entry.child_text("id") == chain[0])
            message = f"no order of the steps is possible: {' needs '.join(chain)}"
            self.findings.add(entry.entries["needs"].key_line, (*place, "needs"), message, hint="remove one of them")

    def _check_set_once(self, entries: list[tuple[Path, PlanNode]]) -> None:
        """Add a problem for a target that two steps would set alternately."""
        first: dict[str, int] = {}
        for path, entry in entries:
            for target, node in entry.child_entries("set").items():
                if target in first:
                    message = f"target {target!r} is set by two rollback steps, first on line {first[target]}"
                    self.findings.add(node.key_line, (*path, "set", target), message, hint="set it once")
                first.setdefault(target, node.key_line)

    def _check_acts(self, entry: PlanNode, path: Path, kinds: dict[str, Kind]) -> None:
        """Check a stage or step: exactly one of `set` and `manual`, and its settings."""
        self._check_team(entry, path)
        if not entry.entries:
            return
        given = [key for key in ("set", "manual") if key in entry.entries]
        if len(given) != 1:
            message = "give either set or manual, not both" if given else "required key 'set' or 'manual' is missing"
            hint = "a manual step is an entry of its own" if given else None
            self.findings.add(entry.key_line, path, message, hint=hint)
        for target, node in entry.child_entries("set").items():
            place = (*path, "set", target)
            if self._is_known(node, place, "target", self._names("targets"), target):
                self._check_exposure(node, place, kinds.get(target))

    def _check_exposure(self, node: PlanNode, place: Path, kind: Kind | None) -> None:
        word = (node.text or "").strip().lower()
        if word.startswith("step ") or word == "all steps":
            self._check_owns_steps(node, place, str(place[-1]))
        if kind is Kind.DEPLOY and word in ("on", "off"):
            number = 100 if word == "on" else 0
            message = "a deploy target is a percentage; only a flag can be on or off"
            self.findings.add(node.line, place, message, found=node.display_text, hint=f"write {number}")

    def _adapter(self, entry: PlanNode, path: Path) -> Adapter | None:
        node = entry.entries.get("backend")
        if node is None or not self._is_known(node, (*path, "backend"), "backend", self._names("backends")):
            return None
        return self.adapters.get(node.text or "")

    def _check_team(self, entry: PlanNode, path: Path) -> None:
        node = entry.entries.get("team")
        if node is not None:
            self._is_known(node, (*path, "team"), "team", self._names("teams", absent=[]))

    def _check_pair(self, entry: PlanNode, path: Path) -> None:
        given = [key for key in ("canary", "baseline") if key in entry.entries]
        if len(given) == 1:
            other = "baseline" if given == ["canary"] else "canary"
            message = f"required key {other!r} is missing: {given[0]} alone does not split traffic"
            self.findings.add(entry.key_line, (*path, other), message)
        check_difference(entry, path, self.findings)

    def _is_known(
        self, node: PlanNode, path: Path, what: str, names: list[str] | None, word: str | None = None
    ) -> bool:
        """Whether a name exists, with a problem if not; True if the names cannot be read, a problem of its own."""
        word = node.text if word is None else word
        if word is None or names is None or word in names:
            return True
        line = node.key_line if path[-1] == word else node.line
        hint = suggestion(word, names) or f"the plan declares no {what}s"
        self.findings.add(line, path, f"unknown {what} {word!r}", found=repr(word), hint=hint)
        return False

    def _check_unique(self, entries: list[tuple[Path, PlanNode]], key: str, what: str) -> None:
        first: dict[str, int] = {}
        for path, entry in entries:
            name = entry.child_text(key)
            if name is None:
                continue
            line = entry.entries[key].line
            if name in first:
                message = f"{what} {name!r} is defined twice, first on line {first[name]}"
                self.findings.add(line, (*path, key), message, found=repr(name))
            first.setdefault(name, line)

    def _names(self, section: str, absent: list[str] | None = None) -> list[str] | None:
        """Names declared in a section: `absent` without such a section, None if it is not a mapping."""
        node = self.root.entries.get(section)
        if node is None:
            return absent
        return list(node.entries) if node.entries or node.kind == "a mapping" else None

    def _set_in_words(self, target: str) -> bool:
        given = [
            entry.at(("set", target))
            for _, entry in (*self.root.list_items("stages"), *self.root.list_items("rollback"))
        ]
        return any((node.text or "").strip().lower() in ("on", "off") for node in given if node is not None)


def _is_falling(entry: PlanNode) -> bool:
    return entry.child_text("worse") == "lower"
