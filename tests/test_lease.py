"""The polling lease: who polls, until when, under which fence."""

from __future__ import annotations

import pytest

from console.engine import lease as lease_module
from console.engine.lease import PollingLease
from console.journal.contract import Lease

ELSEWHERE = "another console"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Boot time in seconds, to be set by the test."""
    now = [100.0]
    monkeypatch.setattr(lease_module, "boottime", lambda: now[0])
    return now


def granted(lease: PollingLease, fence: int, until: float) -> None:
    lease.grant(Lease(lease.session, fence, until - 100.0), until)


def test_a_console_polls_while_its_lease_lasts(clock: list[float]) -> None:
    lease = PollingLease()
    assert not lease.is_poller()
    granted(lease, 3, 110.0)
    assert (lease.is_poller(), lease.fence, lease.holder) == (True, 3, lease.session)
    clock[0] = 110.0
    assert (lease.is_poller(), lease.fence) == (False, 3)  # by its own clock: the journal may be silent


def test_a_lease_of_another_console_ends_ones_own(clock: list[float]) -> None:
    lease = PollingLease()
    granted(lease, 3, 110.0)
    lease.grant(Lease(ELSEWHERE, 4, 2.0), 999.0)
    assert (lease.is_poller(), lease.fence, lease.holder) == (False, None, ELSEWHERE)
    assert lease.ask_again_s(0.5) == pytest.approx(2.05)
    assert lease.reads_samples and not lease.may_record_observations


def test_only_the_lease_that_was_refused_is_lost(clock: list[float]) -> None:
    lease = PollingLease()
    granted(lease, 3, 110.0)
    granted(lease, 5, 120.0)
    lease.lose(3)
    assert lease.fence == 5
    lease.lose(5)
    assert lease.fence is None


def test_a_console_without_a_journal_polls_by_itself_once_its_lease_has_run_out(clock: list[float]) -> None:
    lease = PollingLease()
    granted(lease, 3, 110.0)
    assert (lease.go_standalone(), lease.is_standalone) == (False, False)
    clock[0] = 111.0
    assert (lease.go_standalone(), lease.go_standalone()) == (True, False)
    assert lease.is_poller() and lease.may_record_observations
    assert lease.ask_again_s(0.5) == 0.5
    lease.rejoin()
    assert not lease.is_poller()


def test_a_lease_is_new_until_it_is_granted(clock: list[float]) -> None:
    lease = PollingLease()
    offered = Lease(lease.session, 3, 10.0)
    assert lease.is_new(offered)
    lease.grant(offered, 110.0)
    assert not lease.is_new(offered)
    assert not lease.is_new(Lease(ELSEWHERE, 4, 10.0))
