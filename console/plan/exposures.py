"""The canary's planned shares in each stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from adapters.contract import LAST_STEP, Kind
from console.plan.nouns import Plan, Stage


@dataclass(frozen=True, slots=True)
class StageExposure:
    """One stage with its shares, including those of earlier stages."""

    stage: Stage
    deploys: Mapping[str, float | None]
    """Deploy target -> the canary's share, 0..100; None at a step whose share only the backend knows."""
    flags: Mapping[str, float | None]
    """Flag target -> the share of users who get it, 0..100."""
    exposing: bool
    """Whether this stage or an earlier one exposes the canary; False after manual stages only."""

    @property
    def common_share(self) -> float | None:
        """The canary's share if all deploy targets have the same one, else None."""
        shares = set(self.deploys.values())
        return shares.pop() if len(shares) == 1 else None

    @property
    def shares(self) -> tuple[float, ...]:
        """Rising shares above 0 of the deploy targets, else of the flags."""
        return tuple(sorted(share for share in (self.deploys or self.flags).values() if share))

    @property
    def largest(self) -> float:
        """The canary's largest share."""
        return max(self.shares, default=0.0)

    @property
    def smallest(self) -> float:
        """The smallest share above 0; 0 without any."""
        return min(self.shares, default=0.0)

    @property
    def steps(self) -> tuple[str, ...]:
        """Deploy targets at a step of their backend's own."""
        return tuple(name for name, share in self.deploys.items() if share is None)


def stage_exposures(plan: Plan) -> tuple[StageExposure, ...]:
    """The exposure of each stage, in plan order."""
    shares: dict[str, float | None] = dict.fromkeys(plan.targets, 0.0)
    found: list[StageExposure] = []
    for stage in plan.stages:
        given = any(setting.on is not False and setting.percent != 0 for setting in stage.sets.values())
        for target, setting in stage.sets.items():
            if setting.on is False:
                shares[target] = 0.0
            elif setting.percent is not None:
                shares[target] = float(setting.percent)
            elif setting.step is not None:
                shares[target] = 100.0 if setting.step == LAST_STEP else None
        deploys = {name: share for name, share in shares.items() if plan.targets[name].kind is Kind.DEPLOY}
        flags = {name: share for name, share in shares.items() if plan.targets[name].kind is Kind.FLAGS}
        found.append(StageExposure(stage, deploys, flags, given or any(one.exposing for one in found)))
    return tuple(found)
