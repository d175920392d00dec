"""The canary's exposure by the targets' readings: its share, whether it has any, whether it has all."""

from __future__ import annotations

from adapters.contract import Kind
from console.state.values import RolloutState


def deploy_share(state: RolloutState) -> float | None:
    """The canary's largest configured share over the plan's deploy targets, or over its flags if it has none."""
    own = [entry for entry in state.targets.values() if not entry.target.kept]
    of_kind = [entry for entry in own if entry.target.kind is Kind.DEPLOY]
    readings = [entry.reading for entry in of_kind or own]
    shares = [share for reading in readings if reading is not None and (share := reading.exposure) is not None]
    return max(shares) if shares else None


def is_exposed(state: RolloutState) -> bool:
    """Whether the canary gets traffic according to the readings."""
    return (deploy_share(state) or 0.0) > 0


def has_all_traffic(state: RolloutState) -> bool:
    """Whether the canary has all the traffic: nothing to compare it with."""
    return (deploy_share(state) or 0.0) >= 100
