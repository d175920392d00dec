"""Draft the plan of an Argo Rollout: a stage for every pause, metrics.

Source: argoproj.io/v1alpha1 Rollout, Argo Rollouts 1.0 to 1.10. The controller keeps running its own steps and
analyses; the plan reads the same numbers and decides when a pause may end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from adapters.sanitize import one_line
from console.manifests.analysis import ARGO, LATEST, STABLE, Analyses
from console.manifests.arms import Pairs
from console.manifests.draft import Draft, Entry, Unmapped, unique_name
from console.manifests.draft_start import namespace_of, plan_duration, start_draft
from console.manifests.origin import Manifest
from console.manifests.sources import add_metrics
from console.manifests.tree import Tree

ADAPTER = "argo-rollouts"
ENDLESS_BAKE = "5m"
"""The bake of a stage whose pause waits for a person: the manifest has none, and a comment in the plan says so."""
_STAGES = (
    "A stage ends at each pause of the Rollout. Where the pause ends by itself, bake is its length: promote ends it "
    "sooner, halt holds it. `stages: {from: TARGET}` takes the stages from the Rollout as it is when you open it."
)
_NO_STEPS = "This Rollout has no steps: it replaces its pods like a Deployment, and never waits for a promote."
_PROMOTES_ITSELF = (
    "autoPromotionEnabled is not false: Argo makes the new version active as soon as it is ready, and there is nothing "
    "to promote."
)
_ABOUT = (
    "Argo Rollouts keeps running its own steps and analyses, and aborts by itself. warroom reads the same numbers, "
    "compares the two versions where a label separates them, and ends a pause when you promote."
)


def draft_rollout(rollout: Manifest, manifests: Sequence[Manifest], namespace: str | None) -> Draft:
    """The draft of one Rollout; `namespace` stands in where it names none. Raises NoChoice."""
    draft = start_draft(rollout, "Argo Rollout", namespace, ADAPTER)
    draft.about.append(_ABOUT)
    space = namespace_of(rollout, namespace)
    strategy = rollout.spec.at("strategy")
    reader = _RolloutReader(draft, rollout, Analyses(manifests, rollout, space))
    if strategy.at("blueGreen").entries or "blueGreen" in strategy.entries:
        pairs = reader.blue_green(strategy.at("blueGreen"))
    else:
        pairs = reader.canary(strategy.at("canary"))
    draft.unmapped += reader.analyses.unmapped
    if sum(one.is_a(ARGO, "Rollout") for one in manifests) == 1:  # else another Rollout may use them
        draft.unmapped += reader.analyses.unused_templates()
    add_metrics(draft, reader.analyses.checks, pairs)
    return draft


def _steps_text(first: int, last: int, texts: Sequence[str]) -> str:
    """A range of steps in words: "steps 0-1: set weight 20 %, pause 5m"."""
    return f"step{'' if first == last else 's'} {first}{'' if first == last else f'-{last}'}: {', '.join(texts)}"


@dataclass(slots=True)
class _RolloutReader:
    draft: Draft
    rollout: Manifest
    analyses: Analyses
    waiting: list[str] = field(default_factory=list)
    """Texts of the steps since the last pause."""

    def canary(self, strategy: Tree) -> Pairs:
        """Add the stages and analyses of a canary strategy; the names of its two versions."""
        steps = strategy.at("steps").items
        paused = next((number for number, step in enumerate(steps) if "pause" in step.entries), len(steps))
        self._background(strategy.at("analysis"), paused)
        most = max(strategy.at("trafficRouting", "maxTrafficWeight").number or 100, 1)
        percent = 0.0
        for number, step in enumerate(steps):
            weight = step.at("setWeight").number
            percent = percent if weight is None else min(max(100.0 * weight / most, 0.0), 100.0)
            if "pause" in step.entries:
                self._pause(number, step.at("pause"), percent)
            else:
                self.waiting.append(self._step_text(number, step, percent))
        if steps:
            self.draft.about_stages = _STAGES
        else:
            self.draft.about.append(_NO_STEPS)
        self._last(len(steps))
        return self._pairs(strategy.text_at("canaryService"), strategy.text_at("stableService"))

    def blue_green(self, strategy: Tree) -> Pairs:
        """Add the stages and analyses of a blue-green strategy; the names of its two versions."""
        auto = strategy.at("autoPromotionEnabled").truth is not False
        seconds = strategy.at("autoPromotionSeconds").number
        self._analysis(strategy.at("prePromotionAnalysis"), "before the promotion")
        self.waiting.append("the new version runs behind the preview service, without traffic")
        if not auto or seconds:
            self.draft.about_stages = _STAGES
            self._stage("preview", "step 0", plan_duration(_duration_text(seconds or 0)) if auto else None, 0)
        else:
            self.draft.about.append(_PROMOTES_ITSELF)
        self._analysis(strategy.at("postPromotionAnalysis"), "after the promotion")
        self._last(1)
        return self._pairs(strategy.text_at("previewService"), strategy.text_at("activeService"))

    def _pause(self, number: int, pause: Tree, percent: float) -> None:
        lasts = _pause_duration(pause.at("duration"))
        self.waiting.append("pause until a promote" if lasts is None else f"pause {lasts}")
        taken = {stage.name for stage in self.draft.stages}
        name = f"{percent:.0f}pct" if percent else f"step-{number}"
        self._stage(name if name not in taken else f"step-{number}", f"step {number}", lasts, number)

    def _last(self, steps: int) -> None:
        """Add the last stage: all steps done, all traffic on the new version."""
        name = unique_name("full", [stage.name for stage in self.draft.stages])
        setting = f"{{{self.draft.targets[0].name}: {'all steps' if steps else '100'}}}"
        notes = (_steps_text(steps - len(self.waiting), steps - 1, self.waiting),) if self.waiting and steps else ()
        self.draft.stages.append(Entry(name, (("set", setting),), notes))

    def _stage(self, name: str, setting: str, bake: str | None, number: int) -> None:
        """Add the stage that ends at the pause of step `number`; `bake` None: the pause lasts until a promote."""
        options = (("set", f"{{{self.draft.targets[0].name}: {setting}}}"), ("bake", bake or ENDLESS_BAKE))
        note = _steps_text(number - len(self.waiting) + 1, number, self.waiting)
        self.draft.stages.append(Entry(name, options, (note,), "" if bake else "bake is yours to choose"))
        self.waiting.clear()

    def _step_text(self, number: int, step: Tree, percent: float) -> str:
        """A step in words; notes the parts of it that a plan cannot express."""
        parts = [self._step(number, kind, detail, percent) for kind, detail in step.entries.items()]
        return ", ".join(parts) or "nothing"

    def _step(self, number: int, kind: str, detail: Tree, percent: float) -> str:
        where = f"step {number}"
        match kind:
            case "setWeight":
                return f"set weight {percent:g} %"
            case "analysis":
                self._analysis(detail, where)
                return f"analysis {', '.join(_templates(detail))}"
            case "experiment":
                self._experiment(detail, where)
                return "an experiment"
            case "setCanaryScale":
                parts = [f"{one_line(key, 20)} {value.text}" for key, value in detail.entries.items() if value.text]
                return f"canary scale {', '.join(parts)}"
            case "setHeaderRoute" | "setMirrorRoute":
                what = "header" if kind == "setHeaderRoute" else "mirror"
                self._note_unmapped(f"{what} route", "it sends requests to the canary beside the weight", where, detail)
                return f"{what} route {one_line(detail.text_at('name'), 60)}"
            case "plugin":
                name = f"plugin {one_line(detail.text_at('name'), 60)}"
                self._note_unmapped(name, "only the plugin knows what it does", where, detail)
                return name
            case _:
                self._note_unmapped(f"step {one_line(kind, 40)}", "an unknown kind of step", where, detail)
                return one_line(kind, 40)

    def _experiment(self, detail: Tree, where: str) -> None:
        self._note_unmapped("experiment", "it runs separate pods beside the rollout", where, detail)
        for one in detail.at("analyses").items:
            name = one_line(one.text_at("templateName"), 80) or "?"
            self._note_unmapped(f"analysis {name}", "it measures an experiment's pods", where, one, decides=True)

    def _background(self, analysis: Tree, paused: int) -> None:
        """Add the background analysis; `paused`: the step at which the first stage ends."""
        start = analysis.at("startingStep").number
        where = "in the background" if not start else f"in the background from step {start:g}"
        self._analysis(analysis, where, throughout=(start or 0) <= paused)

    def _analysis(self, analysis: Tree, where: str, *, throughout: bool = False) -> None:
        if analysis.entries:
            self.analyses.read(analysis, where, throughout=throughout)

    def _pairs(self, canary: str, stable: str) -> Pairs:
        of = {canary: stable} if canary and stable and canary != stable else {}
        return Pairs(of | _labels(self.rollout), versions=(LATEST, STABLE), target=self.draft.targets[0].name)

    def _note_unmapped(self, what: str, why: str, where: str, tree: Tree, *, decides: bool = False) -> None:
        self.draft.unmapped.append(Unmapped(what, why, f"{where}, {self.rollout.where(tree)}", decides))


def _labels(rollout: Manifest) -> dict[str, str]:
    """Values of labels in which canary and stable pods differ: canary's value -> stable's value."""
    found: dict[str, str] = {}
    for strategy, ours, theirs in (
        ("canary", "canaryMetadata", "stableMetadata"),
        ("blueGreen", "previewMetadata", "activeMetadata"),
    ):
        metadata = rollout.spec.at("strategy", strategy)
        stable = metadata.at(theirs, "labels").entries
        for key, value in metadata.at(ours, "labels").entries.items():
            other = stable[key].text if key in stable else None
            if value.text and other and value.text != other:
                found[value.text] = other
    return found


def _templates(analysis: Tree) -> Iterator[str]:
    for one in analysis.at("templates").items:
        yield one_line(one.text_at("templateName"), 80) or "?"


def _pause_duration(said: Tree) -> str | None:
    """A pause's length as a plan writes it; None for a pause without an end."""
    if said.text is None:
        return None
    return plan_duration(said.text if said.number is None else _duration_text(said.number))


def _duration_text(seconds: float) -> str:
    whole = round(seconds)
    parts = [(whole // 3600, "h"), (whole % 3600 // 60, "m"), (whole % 60, "s")]
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0s"
