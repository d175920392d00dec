"""What the canary has in each stage of a plan, had every target been set as the plan says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from adapters.contract import Kind
from console.plan.nouns import Plan, Stage


@dataclass(frozen=True, slots=True)
class Exposure:
    """One stage with the shares that stand in it, those of earlier stages carried forward."""

    stage: Stage
    deploys: Mapping[str, float]
    """Deploy target -> the canary's share, 0..100."""
    flags: Mapping[str, float]
    """Flag target -> the share that gets it, 0..100."""

    @property
    def given(self) -> float | None:
        """The canary's share where every deploy target has the same; None otherwise."""
        shares = set(self.deploys.values())
        return shares.pop() if len(shares) == 1 else None

    @property
    def largest(self) -> float:
        """The canary's largest share over the deploy targets, or over the flags of a plan without any."""
        return max((self.deploys or self.flags).values(), default=0.0)

    @property
    def smallest(self) -> float:
        """The smallest share of those that have any."""
        return min((share for share in (self.deploys or self.flags).values() if share > 0.0), default=0.0)


def exposures(plan: Plan) -> tuple[Exposure, ...]:
    """One entry per stage."""
    shares = dict.fromkeys(plan.targets, 0.0)
    found = []
    for stage in plan.stages:
        for target, setting in stage.sets.items():
            if setting.on is False:
                shares[target] = 0.0
            elif setting.percent is not None:
                shares[target] = float(setting.percent)
        of_kind = [
            {name: share for name, share in shares.items() if plan.targets[name].kind is kind}
            for kind in (Kind.DEPLOY, Kind.FLAGS)
        ]
        found.append(Exposure(stage, of_kind[0], of_kind[1]))
    return tuple(found)
