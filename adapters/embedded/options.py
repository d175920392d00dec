"""Plan keys of the adapter `embedded`: the world, and faults for tests."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from adapters.embedded.scenarios import Scenario
from adapters.embedded.world import WorldSettings

_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def _duration_s(value: object) -> object:
    """Read `90`, `60s`, `1m30s`, `500ms` as seconds; pydantic refuses anything else."""
    if not isinstance(value, str):
        return value
    text = value.replace(" ", "")
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError('give a duration such as "60s", "1m30s" or "500ms"')
    return sum(float(number) * _UNITS_S[unit] for number, unit in parts)


def _rate(value: object) -> object:
    """Read `0.4%` as 0.004; a number stays as it is."""
    if isinstance(value, str) and value.strip().endswith("%"):
        try:
            return float(value.strip()[:-1]) / 100
        except ValueError:
            raise ValueError('give a rate such as "0.4%" or 0.004') from None
    return value


def _exposure(value: object) -> object:
    """Read `25`, `25%` or `off`. YAML 1.1 reads a bare `off` as false."""
    if value is False:
        return "off"
    if isinstance(value, str) and value != "off" and (number := value.removesuffix("%").strip()).isdigit():
        return int(number)
    return value


Seconds = Annotated[float, BeforeValidator(_duration_s), Field(ge=0, allow_inf_nan=False)]
Rate = Annotated[float, BeforeValidator(_rate), Field(ge=0, le=1)]
Percent = Annotated[int, Field(ge=0, le=100)]


class Options(BaseModel):
    """The plan's keys beside `adapter: embedded`; all optional."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    world: str = Field(default="default", min_length=1, max_length=80)
    """Backends of one rollout that name the same world share it."""
    scenario: Scenario | None = None
    """healthy (the default), error_spike, slow_burn, metrics_outage or stuck_deploy."""
    seed: int | None = None
    """1 by default; another seed is another day."""
    rps: float | None = Field(default=None, gt=0, le=1_000_000)
    """Requests per second over both arms; 400 by default."""
    error_rate: Rate | None = None
    """Share of requests that fail on the baseline, "0.4%" or 0.004 (the default)."""
    onset: Seconds | None = None
    """Delay from the exposure that triggers the scenario to its beginning; each scenario has its own default."""
    flags: list[str] = []
    """Targets that are flags, where their names do not say so."""
    advances: bool = False
    """The deploy raises its own weight until it is paused."""
    opening: dict[str, Annotated[Percent | Literal["off"], BeforeValidator(_exposure)]] = {}
    """Exposure of targets before any use of this world: a percentage, or `off` for a flag."""
    latency: Seconds = 0.05
    """How long a write is in flight."""
    lag: Seconds = 0.0
    """A read shows a write only after this long; the traffic follows at once."""
    refuse: list[str] = []
    """Writes to these targets are refused."""
    hang: list[str] = []
    """Writes to these targets never return."""

    def settings(self) -> WorldSettings:
        """The settings of the world that these options give."""
        return WorldSettings(self.scenario, self.seed, self.rps, self.error_rate, self.onset)
