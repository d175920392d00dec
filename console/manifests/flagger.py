"""Draft the plan of a Flagger Canary: a stage for every gate, metrics.

Source: flagger.app/v1beta1 Canary, MetricTemplate (Flagger 1.10 to 1.44). Flagger keeps making its own checks; the
plan reads the same numbers and decides when a gate may open.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from pydantic import ValidationError

from adapters.contract import LAST_STEP
from adapters.deploy.flagger import Options
from adapters.deploy.flagger.steps import GatedStep, gated_steps
from adapters.deploy.flagger.wire import GATES, Canary
from adapters.sanitize import one_line
from console.manifests.arguments import MissingValue, UnknownArgument, fill_in
from console.manifests.arms import Pairs
from console.manifests.bound import Bound
from console.manifests.builtin import DURATION, SUCCESS_RATE, UNNAMED, request_metrics
from console.manifests.draft import Check, Draft, Entry, Unmapped, yaml_quote
from console.manifests.draft_start import namespace_of, plan_duration, start_draft
from console.manifests.origin import Manifest
from console.manifests.sources import add_metrics
from console.manifests.tree import Tree

FLAGGER = "flagger.app"
ADAPTER = "flagger"
_ABOUT = (
    "Flagger keeps making its own checks, raises the traffic and rolls back by itself. warroom reads the same "
    "numbers, compares the two versions where a label separates them, and answers Flagger's gate webhooks."
)
_NO_GATES = (
    "No webhook of this Canary calls warroom, so there is nothing to promote: Flagger passes the stages by itself, and "
    "warroom follows. To hold it, run `warroom watch PLAN --gates ADDRESS:PORT`, put `gates: http://ADDRESS:PORT` into "
    "the backend below, and add webhooks of type confirm-rollout, confirm-traffic-increase, confirm-promotion and "
    "rollback to the Canary, each with the url http://ADDRESS:PORT/flagger/TYPE."
)
_GATED = (
    "A stage ends at each step with a gate. bake is one interval of Flagger's: make it longer as you need. A promote "
    "opens the gates up to the stage's step, once each. `stages: {from: TARGET}` takes them from the Canary itself."
)
_NO_SHARE = (
    "An A/B test or blue-green: Flagger counts checks instead of raising a share. Its share reads as 0 % until all "
    "traffic is on it. Until then metrics are shown without a verdict, and a promote needs an override."
)
_UNGATED = "Flagger passes these by itself, one step each interval, as long as its checks hold."


def draft_canary(canary: Manifest, manifests: Sequence[Manifest], namespace: str | None, provider: str | None) -> Draft:
    """The draft of one Canary; `namespace` and `provider` stand in where it names none. Raises NoChoice."""
    analysis = canary.spec.at("analysis")
    analysis = analysis if analysis.entries else canary.spec.at("canaryAnalysis")
    gates = _gates_of(analysis)
    draft = start_draft(
        canary, "Flagger Canary", namespace, ADAPTER, *([("gates", yaml_quote(gates))] if gates else [])
    )
    draft.about.append(_ABOUT)
    reader = _CanaryReader(draft, canary, analysis, manifests, namespace_of(canary, namespace), provider)
    reader.stages(gates)
    reader.webhooks(gates)
    add_metrics(draft, list(reader.checks()), reader.pairs())
    return draft


def _gates_of(analysis: Tree) -> str | None:
    """The address of warroom that the webhooks call already; None where none does."""
    for hook in analysis.at("webhooks").items:
        kind, url = hook.text_at("type"), hook.text_at("url").rstrip("/")
        if kind in GATES and url.endswith(f"/flagger/{kind}"):
            with suppress(ValidationError):
                return Options(gates=url.removesuffix(f"/flagger/{kind}")).gates
    return None


class _CanaryReader:
    def __init__(
        self,
        draft: Draft,
        canary: Manifest,
        analysis: Tree,
        manifests: Sequence[Manifest],
        namespace: str | None,
        provider: str | None,
    ) -> None:
        self._draft = draft
        self._canary = canary
        self._analysis = analysis
        self._namespace = namespace
        self._provider = canary.spec.text_at("provider") or provider or ""
        self._templates = {one.name: one for one in manifests if one.is_a(FLAGGER, "MetricTemplate")}
        target = canary.spec.text_at("targetRef", "name")
        self._target = target
        self._service = canary.spec.text_at("service", "name") or target

    def pairs(self) -> Pairs:
        """Flagger's names of the two versions: the target and its `-primary`, and the services of both."""
        found = {self._target: f"{self._target}-primary"} if self._target else {}
        for name in (self._target, self._service):
            if name:
                found[f"{name}-canary"] = f"{name}-primary"
        return Pairs(found)

    def stages(self, gates: str | None) -> None:
        """Add the stages: one for each step with a gate, or the first and last step where none has one."""
        steps = gated_steps(_wire(self._analysis, self._provider))
        held = any(each.gates for each in steps)
        self._draft.about_stages = _GATED if held else _UNGATED
        if gates is None:
            self._draft.about.append(_NO_GATES)
        if self._analysis.at("iterations").number:
            self._draft.about.append(_NO_SHARE)
        interval = plan_duration(self._analysis.text_at("interval")) or "1m"
        begun = False
        for number, each in enumerate(steps):
            shown = bool(each.gates) if held else number in (1, len(steps) - 1) and len(steps) > 1
            if shown and (each.step.percent or not begun):  # one stage without exposure is enough
                begun = True
                percent = each.step.percent
                stage = f"{percent:.0f}pct" if percent else "start"
                self._stage(stage, number, each, interval if percent else None)
        self._stage("full", LAST_STEP, None, None)

    def _stage(self, name: str, step: int, gated: GatedStep | None, bake: str | None) -> None:
        setting = "all steps" if step == LAST_STEP else f"step {step}"
        options = [("set", f"{{{self._draft.targets[0].name}: {setting}}}"), *([("bake", bake)] if bake else [])]
        parts = [] if gated is None else [f"step {step}: {gated.step.text}"]
        if gated is not None and gated.gates:
            parts.append(f"calls {', then '.join(gated.gates)}")
        notes = (", ".join(parts),) if parts else ()
        self._draft.stages.append(Entry(name, tuple(options), notes))

    def webhooks(self, gates: str | None) -> None:
        """Note the webhooks that do not call warroom: another service decides there."""
        for hook in self._analysis.at("webhooks").items:
            kind = one_line(hook.text_at("type"), 40) or "rollout"
            url = one_line(hook.text_at("url").partition("?")[0], 120)
            if gates is not None and kind in GATES and url.rstrip("/") == f"{gates}/flagger/{kind}":
                continue
            what = f"webhook {one_line(hook.text_at('name'), 60) or '?'} ({kind})"
            why = f"its gate calls {url}" if kind in GATES else f"only {url} knows its result"
            decides = kind not in ("post-rollout", "event")
            self._draft.unmapped.append(Unmapped(what, why, self._canary.where(hook), decides))
        if alerts := self._analysis.at("alerts").items:
            what = f"{len(alerts)} alert{'s' * (len(alerts) > 1)}"
            self._draft.unmapped.append(Unmapped(what, "Flagger keeps sending them", self._canary.where(alerts[0])))

    def checks(self) -> Iterator[Check]:
        for metric in self._analysis.at("metrics").items:
            name = one_line(metric.text_at("name"), 100) or "unnamed"
            origin = f"metric {name}, {self._canary.where(metric)}"
            if name in (SUCCESS_RATE, DURATION):
                yield self._builtin_check(name, metric, origin)
            else:
                yield self._custom_check(name, metric, origin)

    def _builtin_check(self, name: str, metric: Tree, origin: str) -> Check:
        known = request_metrics(self._provider)
        if known is None:
            provider = one_line(self._provider, 40)
            why = f"its query for {provider} is not known here" if provider else UNNAMED
            return Check(name, origin, unmapped=why)
        bound = _threshold(metric, below=name == SUCCESS_RATE)
        text = known.success_rate() if name == SUCCESS_RATE else known.duration()
        return self._check(name, origin, text, bound, metric, self._canary.spec.text_at("metricsServer") or None)

    def _custom_check(self, name: str, metric: Tree, origin: str) -> Check:
        ref = one_line(metric.text_at("templateRef", "name"), 253)
        if not ref and not metric.text_at("query"):
            return Check(name, origin, unmapped="it has neither a query nor a template")
        if not ref:
            server = self._canary.spec.text_at("metricsServer") or None
            return self._check(name, origin, metric.text_at("query"), _threshold(metric, below=False), metric, server)
        template = self._templates.get(ref)
        if template is None:
            return Check(name, origin, unmapped=f"MetricTemplate {ref} is not in the files: name its file too")
        origin = f"{origin}, MetricTemplate {ref}, {template.where()}"
        kind = one_line(template.spec.text_at("provider", "type"), 40)
        text = template.spec.text_at("query")
        if kind != "prometheus":
            why = f"it reads {kind or 'no provider'}, and warroom reads Prometheus"
            return Check(name, origin, text or None, unmapped=why)
        server = template.spec.text_at("provider", "address") or None
        check = self._check(name, origin, text, _threshold(metric, below=False), metric, server)
        return replace(check, notes=(*check.notes, *_left_out_notes(template)))

    def _check(
        self, name: str, origin: str, text: str, bound: Bound | None, metric: Tree, address: str | None
    ) -> Check:
        space = MissingValue("is the Canary's namespace, which the files do not say (give --namespace)")
        arguments: dict[str, str | MissingValue] = {
            "name": self._canary.name,
            "namespace": self._namespace or space,
            "target": self._target or MissingValue("is the target's name, which the Canary does not say"),
            "service": self._service or MissingValue("is the service's name, which the Canary does not say"),
            "ingress": self._canary.spec.text_at("ingressRef", "name")
            or MissingValue("is an ingress that it does not name"),
            "route": self._canary.spec.text_at("routeRef", "name") or MissingValue("is a route that it does not name"),
            "interval": metric.text_at("interval") or "1m",
        }
        for key, value in metric.at("templateVariables").entries.items():
            arguments[f"variables.{key}"] = value.text or ""
        try:
            query = fill_in(text, arguments).strip()
        except UnknownArgument as error:
            return Check(name, origin, text or None, unmapped=str(error))
        notes = () if bound is not None else ("it has no range: it never fails there",)
        unmapped = None if query else "it has no query"
        return Check(name, origin, query or None, bound, notes=notes, unmapped=unmapped, address=address)


def _wire(analysis: Tree, provider: str) -> Canary:
    """The part of a Canary that its steps are made of, as the adapter reads it from a cluster."""
    keys = ("maxWeight", "stepWeight", "iterations", "threshold")
    said: dict[str, object] = {key: int(value) for key in keys if (value := analysis.at(key).number) is not None}
    said["interval"] = analysis.text_at("interval")
    said["match"] = [{} for _ in analysis.at("match").items]
    said["stepWeights"] = [int(one.number) for one in analysis.at("stepWeights").items if one.number is not None]
    hooks = analysis.at("webhooks").items
    said["webhooks"] = [{"type": one.text_at("type"), "url": one.text_at("url")} for one in hooks]
    return Canary.model_validate({"metadata": {"name": "x"}, "spec": {"provider": provider, "analysis": said}})


def _threshold(metric: Tree, *, below: bool) -> Bound | None:
    """The thresholdRange, or the older `threshold`: a floor if `below`, else a ceiling; None without either."""
    threshold = metric.at("thresholdRange")
    low, high = threshold.at("min").number, threshold.at("max").number
    if low is None and high is None and (old := metric.at("threshold").number) is not None:
        return Bound(low=old) if below else Bound(high=old)
    return None if low is None and high is None else Bound(low, high)


def _left_out_notes(template: Manifest) -> tuple[str, ...]:
    provider = template.spec.at("provider")
    found = []
    if provider.at("secretRef").entries:
        found.append("its secret is not carried over: give the backend a token or basic")
    if provider.at("insecureSkipVerify").truth:
        found.append("it does not verify TLS there; here it always is: give the backend a ca")
    return tuple(found)
