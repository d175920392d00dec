"""Requests to Unleash, and its error messages.

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
    """One write."""

    method: str
    path: str
    """Below the environment."""
    text: str
    """For the decision card and for errors."""
    body: object = None


ON = UnleashCall("POST", "/on", "on")
OFF = UnleashCall("POST", "/off", "off")


def create_strategy(feature: str, rollout: str) -> UnleashCall:
    """Create a flag's first strategy with its percentage. No user beyond it is exposed."""
    parameters = {"rollout": rollout, "stickiness": "default", "groupId": feature}
    body = {"name": "flexibleRollout", "parameters": parameters}
    return UnleashCall("POST", "/strategies", f"strategies flexibleRollout {rollout}", body)


def patch_percentage(state: FlagState, rollout: str) -> UnleashCall:
    """Patch the percentage alone. A PUT of the whole strategy would refill stickiness and groupId, and so reshuffle the
    exposed users.
    """
    path = "/parameters/rollout"
    body = [{"op": "test", "path": path, "value": state.rollout}, {"op": "replace", "path": path, "value": rollout}]
    strategy = state.strategy or ""
    text = f"strategies/{one_line(strategy, 40)} rollout {rollout}"
    return UnleashCall("PATCH", f"/strategies/{quote(strategy, safe='')}", text, body)


def explain(body: bytes) -> str | None:
    """Find Unleash's own message in an error: {name, message, details: [{message}]}."""
    error = json.loads(body)
    message = str(error["message"])
    details = [str(detail["message"]) for detail in error.get("details") or [] if "message" in detail]
    return message if not details or details[0] == message else f"{message}: {'; '.join(details[:3])}"
