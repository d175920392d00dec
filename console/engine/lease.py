"""The polling lease of this console.

Who polls the backends, until when, and under which fence.

The journal grants it (`membership` asks), the store writes observations under its fence, the pollers ask whether they
may poll. Nothing else keeps lease state.
"""

from __future__ import annotations

import uuid

from console.engine.clock import boottime
from console.journal.contract import Lease

RENEW_S = 3.0
"""How often the lease is renewed and this console's presence recorded."""
OBSERVER_RENEWALS = 1.5
"""Renewals after which a console that only observes, and does not poll, records its presence again."""
LEASE_MARGIN_S = 0.05
"""How long after its end another console's lease is asked for: never before it has ended, and not a round later."""


class PollingLease:
    """Know who polls.

    This console under a lease, another one, or this one by itself while the journal is silent.
    """

    def __init__(self) -> None:
        self.session = uuid.uuid4().hex
        """Name of this console in the journal, never used again."""
        self.fence: int | None = None
        """Fencing number of the lease under which this console polls; None while another one does."""
        self.is_standalone = False
        """The journal cannot say who polls, so this console polls for itself."""
        self.holder: str | None = None
        """Session of the console that polls, as last heard; None: not known, or it has left."""
        self._valid_until = 0.0
        """Until when this console's lease certainly lasts, in seconds on the clock that counts suspend."""
        self._others_left_s = RENEW_S
        """How long the lease of another console lasts at most if it is not renewed."""

    @property
    def is_valid(self) -> bool:
        """Whether the lease granted last has not run out."""
        return boottime() < self._valid_until

    def is_poller(self) -> bool:
        """Whether this console polls the backends now."""
        return self.is_standalone or (self.fence is not None and self.is_valid)

    def is_anothers(self) -> bool:
        """Whether another console polls, as last heard."""
        return self.holder not in (None, self.session) and not self.is_poller()

    @property
    def may_record_observations(self) -> bool:
        """Whether an observation of this console is worth recording."""
        return self.fence is not None or self.is_standalone

    @property
    def reads_samples(self) -> bool:
        """Whether samples come from the journal: another console writes them."""
        return self.fence is None and not self.is_standalone

    def is_new(self, lease: Lease) -> bool:
        """Whether `lease` is this console's, and not the one it holds already."""
        return lease.holder == self.session and self.fence != lease.fence

    def grant(self, lease: Lease, valid_until: float) -> None:
        """Take up `lease`; this console's own lasts until `valid_until` (boot time)."""
        self.holder = lease.holder
        self._others_left_s = RENEW_S
        if lease.holder == self.session:
            self._valid_until = valid_until
            self.fence = lease.fence
        else:
            self._others_left_s = lease.left_s + LEASE_MARGIN_S
            self.fence = None

    def lose(self, fence: int | None) -> None:
        """Give up the lease with `fence`, unless a newer one was granted."""
        if self.fence == fence:
            self.fence = None

    def release(self) -> None:
        """Stop polling under the lease, whatever its number."""
        self.fence = None

    def forget_holder(self) -> None:
        """Note that the console that polled has left."""
        self.holder = None

    def go_standalone(self) -> bool:
        """Poll without the journal once the lease ended; whether that began."""
        if self.is_valid or self.is_standalone:
            return False
        self.is_standalone = True
        return True

    def rejoin(self) -> None:
        """The journal answers again: it says who polls."""
        self.is_standalone = False

    def presence_s(self, *, observing: bool) -> float:
        """Seconds for which a record of this console's presence is fresh enough."""
        return RENEW_S * OBSERVER_RENEWALS if observing and not self.is_poller() else 0.0

    def ask_again_s(self, standalone_s: float) -> float:
        """Seconds until the journal is asked again; `standalone_s` while it cannot be."""
        return standalone_s if self.is_standalone else min(RENEW_S, self._others_left_s)
