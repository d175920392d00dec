"""What the canary has in each stage of a plan, had every target been set as the plan says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from adapters.contract import LAST_STEP, Kind
from console.plan.nouns import Plan, Stage


@dataclass(frozen=True, slots=True)
class Exposure:
    """One stage with the shares that stand in it, those of earlier stages carried forward."""

    stage: Stage
    deploys: Mapping[str, float | None]
    """Deploy target -> the canary's share, 0..100; None at a step whose share only the backend knows."""
    flags: Mapping[str, float | None]
    """Flag target -> the share that gets it, 0..100."""
    exposing: bool
    """This stage, or one before it, gives the canary anything; False while there were manual ones at most."""

    @property
    def given(self) -> float | None:
        """The canary's share where every deploy target has the same; None otherwise."""
        shares = set(self.deploys.values())
        return shares.pop() if len(shares) == 1 else None

    @property
    def known(self) -> tuple[float, ...]:
        """The shares above nothing of the deploy targets, or of the flags of a plan without any, rising."""
        return tuple(sorted(share for share in (self.deploys or self.flags).values() if share))

    @property
    def largest(self) -> float:
        """The canary's largest share."""
        return max(self.known, default=0.0)

    @property
    def smallest(self) -> float:
        """The smallest share of those that have any."""
        return min(self.known, default=0.0)

    @property
    def steps(self) -> tuple[str, ...]:
        """Deploy targets that stand at a step of their backend's own."""
        return tuple(name for name, share in self.deploys.items() if share is None)


def stage_exposures(plan: Plan) -> tuple[Exposure, ...]:
    """One entry per stage."""
    shares: dict[str, float | None] = dict.fromkeys(plan.targets, 0.0)
    found: list[Exposure] = []
    for stage in plan.stages:
        given = any(setting.on is not False and setting.percent != 0 for setting in stage.sets.values())
        for target, setting in stage.sets.items():
            if setting.on is False:
                shares[target] = 0.0
            elif setting.percent is not None:
                shares[target] = float(setting.percent)
            elif setting.step is not None:
                shares[target] = 100.0 if setting.step == LAST_STEP else None
        of_kind = [
            {name: share for name, share in shares.items() if plan.targets[name].kind is kind}
            for kind in (Kind.DEPLOY, Kind.FLAGS)
        ]
        found.append(Exposure(stage, of_kind[0], of_kind[1], given or any(one.exposing for one in found)))
    return tuple(found)
