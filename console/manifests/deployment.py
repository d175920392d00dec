"""Draft the plan of a plain Deployment: it rolls out by itself, so one stage, and a metric for the user to fill in."""

from __future__ import annotations

from collections.abc import Sequence

from console.manifests.draft import Draft, Entry
from console.manifests.draft_start import start_draft
from console.manifests.origin import Manifest

APPS = "apps"
ADAPTER = "deployment"
_ABOUT = (
    "A Deployment replaces its pods by itself as soon as its template changes: there is nothing to promote and no "
    "share of traffic to set. warroom watches it, pauses it on a halt (both versions keep running), and restores the "
    "earlier template on a rollback."
)
_METRIC = (
    "A Deployment names no metrics. Without a metric there is no verdict. Its two versions differ in the "
    "label with the pod template's hash, if your Prometheus has it:"
)


def draft_deployment(deployment: Manifest, manifests: Sequence[Manifest], namespace: str | None) -> Draft:
    """The draft of one Deployment. Raises NoChoice where it has no valid name or namespace."""
    draft = start_draft(deployment, "Deployment", namespace, ADAPTER)
    draft.about.append(_ABOUT)
    name = draft.name
    draft.stages.append(Entry("full", (("set", f"{{{name}: 100}}"),)))
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
    """Names of the Deployments that a Rollout or a Canary among the manifests drives."""
    drivers = [one.spec for one in manifests if one.kind in ("Rollout", "Canary")]
    refs = [spec.at(key) for spec in drivers for key in ("workloadRef", "targetRef")]
    return {ref.text_at("name") for ref in refs if ref.text_at("kind") == "Deployment"}
