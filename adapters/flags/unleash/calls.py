"""What is sent to Unleash: each write's method, path and body, how it is told, and its words when it refuses.

Pure: the order of the calls and the sending are in `backend`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from urllib.parse import quote

from adapters.flags.unleash.feature import FlagState
from adapters.sanitize import one_line


@dataclass(frozen=True, slots=True)
class UnleashCall:
    """One write, and how it is told."""

    method: str
    path: str
    """Below the environment."""
    text: str
    body: object = None


ON = UnleashCall("POST", "/on", "on")
OFF = UnleashCall("POST", "/off", "off")


def create_strategy(feature: str, rollout: str) -> UnleashCall:
    """A flag's first strategy, with the percentage it shall have, so that nobody is exposed beyond it."""
    parameters = {"rollout": rollout, "stickiness": "default", "groupId": feature}
    body = {"name": "flexibleRollout", "parameters": parameters}
    return UnleashCall("POST", "/strategies", f"strategies flexibleRollout {rollout}", body)


def patch_percentage(state: FlagState, rollout: str) -> UnleashCall:
    """One field only: a PUT of the whole strategy would refill stickiness and groupId, and reshuffle who is exposed."""
    path = "/parameters/rollout"
    body = [{"op": "test", "path": path, "value": state.rollout}, {"op": "replace", "path": path, "value": rollout}]
    strategy = state.strategy or ""
    text = f"strategies/{one_line(strategy, 40)} rollout {rollout}"
    return UnleashCall("PATCH", f"/strategies/{quote(strategy, safe='')}", text, body)


def explain(body: bytes) -> str | None:
    """Unleash's own words in an error: {name, message, details: [{message}]}."""
    error = json.loads(body)
    said = str(error["message"])
    details = [str(detail["message"]) for detail in error.get("details") or [] if "message" in detail]
    return said if not details or details[0] == said else f"{said}: {'; '.join(details[:3])}"
