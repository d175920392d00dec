"""Read a Rollout's steps: action, exposure, and whether it is a pause."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from adapters.contract import OwnStep
from adapters.deploy.argo.wire import CanaryStrategy, Rollout
from adapters.kube.wire import go_duration_s
from adapters.sanitize import one_line

PREVIEW = "preview, then pause"
"""The one step of a blue-green."""


def steps_of(rollout: Rollout) -> tuple[OwnStep, ...]:
    """List the steps of a canary. A blue-green has one: the preview that waits to be made active."""
    if (green := rollout.blue_green) is not None:
        auto = green.auto is None or green.auto
        lasts_s = float(green.auto_s or 0) if auto else None
        return (OwnStep(PREVIEW, 0.0, waits=not auto or bool(green.auto_s), lasts_s=lasts_s),)
    return () if rollout.canary is None else _canary(rollout.canary)


def _canary(canary: CanaryStrategy) -> tuple[OwnStep, ...]:
    most = (canary.routing.most if canary.routing is not None else None) or 100
    found: list[OwnStep] = []
    percent = 0.0
    for step in canary.steps:
        weight = step.get("setWeight")
        if isinstance(weight, int | float) and not isinstance(weight, bool):
            percent = 100.0 * weight / most
        if "pause" in step:
            pause = step["pause"]
            found.append(_pause(duration_s(pause.get("duration")) if isinstance(pause, dict) else None, percent))
        elif next(iter(step), "") == "setWeight":
            found.append(_weight(percent))
        else:
            found.append(OwnStep(_words(step), percent))
    return tuple(found)


@lru_cache(maxsize=1024)
def _pause(lasts_s: float | None, percent: float) -> OwnStep:
    words = "pause" if lasts_s is None else f"pause {_duration_text(lasts_s)}"
    return OwnStep(words, percent, waits=True, lasts_s=lasts_s)


@lru_cache(maxsize=1024)
def _weight(percent: float) -> OwnStep:
    return OwnStep(f"set weight {percent:g} %", percent)


def _words(step: dict[str, Any]) -> str:
    """Describe a step's action. A step of an unknown kind by its own name."""
    kind = next(iter(step), "?")
    value = step.get(kind)
    detail = value if isinstance(value, dict) else {}
    match kind:
        case "experiment":
            return "experiment"
        case "analysis":
            templates = detail.get("templates") or []
            names = [str(one.get("templateName", "?")) for one in templates if isinstance(one, dict)]
            words = f"analysis {', '.join(names)}"
        case "setCanaryScale":
            words = "canary scale " + ", ".join(f"{key} {value}" for key, value in detail.items())
        case "setHeaderRoute":
            words = f"header route {detail.get('name', '')}"
        case "setMirrorRoute":
            words = f"mirror route {detail.get('name', '')}"
        case "plugin":
            words = f"plugin {detail.get('name', '?')}"
        case _:
            words = f"other step {kind}"
    return one_line(words, 60)


def duration_s(value: object) -> float | None:
    """Parse the length of a pause, in seconds. An integer, or Go's "1h30m". None: endless, or unreadable."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, str) or not value:
        return None
    if value.isdigit():
        return float(value)
    return go_duration_s(value)


def _duration_text(seconds: float) -> str:
    whole = round(seconds)
    parts = [(whole // 3600, "h"), (whole % 3600 // 60, "m"), (whole % 60, "s")]
    return "".join(f"{count}{unit}" for count, unit in parts if count) or f"{seconds:g}s"
