"""The template that a Canary's target wants and Flagger would start. No field of a Canary names it. Pure.

Flagger hashes that template when it begins (`lastAppliedSpec`): a print of its Go structs, which no other program can
reproduce. The checksum that it sends with a question is of that field, so at confirm-rollout it is still that of the
release before. Hence a hash of our own, of the template as the API server gives it: it distinguishes two templates, and
serves nothing else. Config maps and secrets that Flagger tracks are not in it. Source: Flagger 1.36, `ComputeHash`,
`canaryChecksum`, `HasTargetChanged`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from adapters.kube import DEPLOYMENTS, Object, Resource
from adapters.sanitize import one_line

TARGETS = {"Deployment": DEPLOYMENTS, "DaemonSet": Resource("apps", "v1", "daemonsets", "DaemonSet")}
"""Kinds of a `targetRef` whose template is read; a Service has none."""
_SCALED_AWAY = "flagger.app/scale-to-zero"
"""The node selector by which Flagger itself removes a DaemonSet's pods, and restores them."""
_SHOWN = 8
_IMAGES = 2


@dataclass(frozen=True, slots=True)
class WantedTemplate:
    """The template that the target of a Canary wants."""

    template: str = ""
    """A hash of the template; empty where it is not known."""
    text: str = ""
    """The template for the screen: "cart:2 (template 5d41402a)"."""
    unknown: str = ""
    """The reason why it is not known, one line; empty where it is."""


def wanted_template(found: Object) -> WantedTemplate:
    """Read the template of a Deployment or a DaemonSet."""
    template = _as_flagger_counts(_mapping(_mapping(found.get("spec")).get("template")))
    text = json.dumps(template, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return WantedTemplate(digest, f"{_images(template)} (template {digest[:_SHOWN]})")


def _as_flagger_counts(template: Object) -> Object:
    """Drop the parts of a template that Flagger itself sets."""
    pod = _mapping(template.get("spec"))
    nodes = {key: value for key, value in _mapping(pod.get("nodeSelector")).items() if key != _SCALED_AWAY}
    rest = {key: value for key, value in pod.items() if key != "nodeSelector"}
    return {**template, "spec": {**rest, **({"nodeSelector": nodes} if nodes else {})}}


def _images(template: Object) -> str:
    """The images without their registries: "cart:2, proxy:1.4"."""
    containers = _mapping(template.get("spec")).get("containers")
    found = [str(_mapping(each).get("image", "?")) for each in containers] if isinstance(containers, list) else []
    short = [one_line(image.rsplit("/", 1)[-1].partition("@")[0], 40) for image in found[:_IMAGES]]
    more = [f"{len(found) - _IMAGES} more"] if len(found) > _IMAGES else []
    return ", ".join([*short, *more]) or "no containers"


def _mapping(value: object) -> Object:
    return value if isinstance(value, dict) else {}
