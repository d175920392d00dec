"""Scenarios of an embedded world: when each begins, and its effect.

Pure: a scenario's effect is a function of the seconds since it began. `world` knows when that was.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from adapters.embedded.traffic import Family

SPIKE = 6.0
"""error_spike: the canary's error rate, in multiples of the baseline's."""
BURN = 3.0
"""slow_burn: where the canary's rates end, in multiples of the baseline's."""
BURN_S = 900.0
"""slow_burn: how long it takes to get there."""
OUTAGE_S = 120.0
"""metrics_outage: how long the metrics source does not answer."""
STUCK_ABOVE = 5
"""stuck_deploy: weights above this are accepted and never reached, in percent."""


class Scenario(StrEnum):
    """The fault of a world."""

    HEALTHY = "healthy"
    ERROR_SPIKE = "error_spike"
    SLOW_BURN = "slow_burn"
    METRICS_OUTAGE = "metrics_outage"
    STUCK_DEPLOY = "stuck_deploy"

    @property
    def beginning(self) -> Beginning:
        """The exposure that triggers it, and the delay from there."""
        return _BEGINNINGS.get(self, Beginning(threshold=1, onset_s=0.0))

    def factor(self, family: Family, elapsed_s: float) -> float:
        """The factor on the canary's rate or level. `elapsed_s`: since the scenario began, negative before."""
        if elapsed_s < 0:
            return 1.0
        if self is Scenario.ERROR_SPIKE and family is Family.ERRORS:
            return SPIKE
        if self is Scenario.SLOW_BURN and family is not Family.LEVEL:
            return 1.0 + (BURN - 1.0) * min(1.0, elapsed_s / BURN_S)
        return 1.0

    def silences_metrics(self, elapsed_s: float) -> bool:
        """Whether the metrics source does not answer, `elapsed_s` after the scenario began."""
        return self is Scenario.METRICS_OUTAGE and 0 <= elapsed_s < OUTAGE_S

    def holds_back(self, percent: float, now: float) -> bool:
        """Whether a deploy at `now` percent accepts `percent` and never gets there."""
        return self is Scenario.STUCK_DEPLOY and percent > max(STUCK_ABOVE, now)


@dataclass(frozen=True, slots=True)
class Beginning:
    """A scenario begins `onset_s` seconds after the canary first got `threshold` percent of the traffic."""

    threshold: int
    onset_s: float


_BEGINNINGS = {
    Scenario.ERROR_SPIKE: Beginning(threshold=5, onset_s=60.0),
    Scenario.METRICS_OUTAGE: Beginning(threshold=1, onset_s=60.0),
}
