"""The clock of one console: the host's own, or a server's where the host's is wrong.

Time goes by the clock that counts from the machine's boot; the host's wall clock and the servers' times only say how
far the world's time is ahead of that one. So a wall clock that jumps changes nothing here. The journal's server is
believed first, then the backends (the median of them), then the console that polls on the same machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median

from adapters.contract import Clock
from console.state.clocks import span_text

TRUSTED_S = 2.0
"""A host's clock that is off by no more is used as it is: servers tell their time in whole seconds."""
REGAINED_S = 1.0
"""How near it has to come again once it was off: a clock at the edge must not change sides with every answer."""


@dataclass(frozen=True, slots=True)
class _Lead:
    """How far a server's time is ahead of the clock that counts from the boot: between these, in seconds."""

    least: float
    most: float

    @property
    def middle(self) -> float:
        return (self.least + self.most) / 2.0

    def distance_s(self, lead_s: float) -> float:
        """How far `lead_s` lies outside of the bounds; 0 within them."""
        return max(0.0, self.least - lead_s, lead_s - self.most)

    def intersection(self, newer: _Lead) -> _Lead:
        """The range that fits both, or the newer one where none does."""
        least, most = max(self.least, newer.least), min(self.most, newer.most)
        return _Lead(least, most) if least <= most else newer


@dataclass(frozen=True, slots=True)
class ClockError:
    """How far a host's wall clock is off."""

    ahead_s: float
    """Negative: it is behind."""
    reference: str | None
    """Whose time is used instead: "the backends"; None: its own time from before it jumped."""


class CorrectedClock:
    """A `Clock` that learns the servers' times. Used in the engine's loop alone."""

    def __init__(self, host: Clock) -> None:
        self._host = host
        self._host_lead_s = self._measured_lead_s()
        """How far the host's wall clock is ahead of the other one, as long as it has not jumped."""
        self._is_off = False
        self._journal: _Lead | None = None
        self._backends: dict[str, _Lead] = {}
        self._poller_lead_s: float | None = None

    def now(self) -> datetime:
        """UTC: the host's own time where it can be trusted, else the servers'."""
        lead_s = self._measured_lead_s()
        used = self._used_lead_s(lead_s)
        return self._host.now() if used == lead_s else datetime.fromtimestamp(self._host.monotonic() + used, UTC)

    def monotonic(self) -> float:
        """Seconds that never go back and that count suspend."""
        return self._host.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds` of the host's clock."""
        await self._host.sleep(seconds)

    def learn_journal(self, earliest: datetime, latest: datetime) -> None:
        """Take note that the time of the journal's server is between these two now."""
        lead = self._lead(earliest, latest)
        self._journal = lead if self._journal is None else self._journal.intersection(lead)

    def learn_backend(self, source: str, earliest: datetime, latest: datetime) -> None:
        """Take note that a backend's time is between these two now."""
        lead = self._lead(earliest, latest)
        known = self._backends.get(source)
        self._backends[source] = lead if known is None else known.intersection(lead)

    def learn_poller(self, lead_s: float | None) -> None:
        """Take note of how far the polling console's time is ahead of this boot's clock; None: it is not known."""
        self._poller_lead_s = lead_s

    def error(self) -> ClockError | None:
        """How far the host's wall clock is off; None where it is used."""
        lead_s = self._measured_lead_s()
        used = self._used_lead_s(lead_s)
        return None if used == lead_s else ClockError(lead_s - used, self._reference_name())

    def _used_lead_s(self, measured_s: float) -> float:
        """How far the time in use is ahead of the clock that counts from the boot."""
        reference = self._reference()
        if reference is None:
            if abs(measured_s - self._host_lead_s) <= TRUSTED_S:
                self._host_lead_s = measured_s
                return measured_s
            return self._host_lead_s
        self._is_off = reference.distance_s(measured_s) > (REGAINED_S if self._is_off else TRUSTED_S)
        if self._is_off:
            return reference.middle
        self._host_lead_s = measured_s
        return measured_s

    def _reference(self) -> _Lead | None:
        if self._journal is not None:
            return self._journal
        if self._backends:
            return self._median_backend()
        return None if self._poller_lead_s is None else _Lead(self._poller_lead_s, self._poller_lead_s)

    def _median_backend(self) -> _Lead:
        """The backend in the middle; of two in the middle the one that is nearer to the host."""
        middle = median(lead.middle for lead in self._backends.values())
        nearest = sorted(self._backends.values(), key=lambda lead: abs(lead.middle - middle))[:2]
        if len(self._backends) % 2 == 1:
            return nearest[0]
        return min(nearest, key=lambda lead: lead.distance_s(self._host_lead_s))

    def _reference_name(self) -> str | None:
        if self._journal is not None:
            return "the journal's server"
        if self._backends:
            return "the backends"
        return "the polling console" if self._poller_lead_s is not None else None

    def _lead(self, earliest: datetime, latest: datetime) -> _Lead:
        steady_s = self._host.monotonic()
        return _Lead(earliest.timestamp() - steady_s, latest.timestamp() - steady_s)

    def _measured_lead_s(self) -> float:
        return self._host.now().timestamp() - self._host.monotonic()


def clock_error_s(clock: Clock) -> float:
    """How far the host's wall clock is ahead of the time in use; 0 where it is the time in use."""
    error = clock.error() if isinstance(clock, CorrectedClock) else None
    return 0.0 if error is None else error.ahead_s


def clock_line(error: ClockError | None) -> str | None:
    """The host's wrong clock in one line; None where it is right."""
    if error is None:
        return None
    if error.reference is None:
        way = "ahead" if error.ahead_s > 0 else "back"
        return f"this host's clock jumped {span_text(error.ahead_s)} {way}: its time from before is used"
    way = "ahead of" if error.ahead_s > 0 else "behind"
    return f"this host's clock is {span_text(error.ahead_s)} {way} {error.reference}: that time is used"
