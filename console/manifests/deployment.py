"""A plain Deployment as a plan: one stage, because it goes on by itself, and a metric to be filled in."""

from __future__ import annotations

from collections.abc import Sequence

from console.manifests.draft import Draft, DraftStage
from console.manifests.draft_start import start_draft
from console.manifests.origin import Manifest

APPS = "apps"
ADAPTER = "deployment"
_TOLD_ALWAYS = (
    "A Deployment replaces its pods by itself as soon as its template changes: there is nothing to promote and no "
    "share of traffic to set. warroom watches it, pauses it on a halt (a mixed fleet stays), and sets the earlier "
    "template again on a rollback."
)
_METRIC = (
    "A Deployment says nothing of metrics. Without one no verdict is given; its two versions are told apart by the "
    "label that holds the pod template's hash, where your Prometheus has it:"
)


def draft_deployment(deployment: Manifest, manifests: Sequence[Manifest], namespace: str | None) -> Draft:
    """The plan of one Deployment.

    Args:
        namespace: where it is to be looked for when the manifest names none.

    Raises:
        NoChoice: it has no name, or its namespace is none.
    """
    draft = start_draft(deployment, "Deployment", namespace, ADAPTER)
    draft.about.append(_TOLD_ALWAYS)
    name = draft.name
    draft.stages.append(DraftStage("full", (("set", f"{{{name}: 100}}"),)))
    draft.suggested = (
        _METRIC,
        "metrics:",
        "  errors:",
        "    backend: prom   # prom: {adapter: prometheus, url: 'https://prometheus.example'}",
        '    bad: \'http_requests_total{namespace="NAMESPACE",code=~"5.."}\'',
        "    total: 'http_requests_total{namespace=\"NAMESPACE\"}'",
        f"    arms: {{label: pod_template_hash, of: {name}}}",
    )
    return draft


def managed_deployments(manifests: Sequence[Manifest]) -> set[str]:
    """The Deployments that a Rollout or a Canary among the manifests drives: they are not rolled out by themselves."""
    found = set()
    for one in manifests:
        for path in (("workloadRef",), ("targetRef",)):
            ref = one.spec.at(*path)
            if one.kind in ("Rollout", "Canary") and ref.text_at("kind") == "Deployment":
                found.add(ref.text_at("name"))
    return found
