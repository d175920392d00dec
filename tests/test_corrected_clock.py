"""The clock of a console: whose time it gives, and what it says about its host's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from console.engine.corrected_clock import CorrectedClock, clock_error_s, clock_line

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = 3600.0


class HandClock:
    """Two clocks of a host, moved by hand."""

    def __init__(self) -> None:
        self.wall, self.steady = NOON, 500.0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.steady

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("no test sleeps here")

    def pass_by(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.steady += seconds

    def jump(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)


@pytest.fixture
def host() -> HandClock:
    return HandClock()


@pytest.fixture
def clock(host: HandClock) -> CorrectedClock:
    return CorrectedClock(host)


def learn_backend(clock: CorrectedClock, host: HandClock, ahead_s: float, name: str = "edge") -> None:
    """A backend's answer whose Date header says that the host is `-ahead_s` ahead."""
    date = (host.wall + timedelta(seconds=ahead_s)).replace(microsecond=0)
    clock.learn_backend(name, date, date + timedelta(seconds=1))


def test_without_any_server_the_hosts_time_is_used(host: HandClock, clock: CorrectedClock) -> None:
    host.pass_by(HOUR)
    assert clock.now() == NOON + timedelta(hours=1)
    assert clock_line(clock.error()) is None


@pytest.mark.parametrize("ahead_s", [-2.0, 0.0, 1.5])
def test_a_host_within_two_seconds_of_the_backend_uses_its_own_time(
    host: HandClock, clock: CorrectedClock, ahead_s: float
) -> None:
    learn_backend(clock, host, ahead_s)
    assert clock.now() == host.wall


@pytest.mark.parametrize("ahead_s", [-HOUR, -3.5, 600.0, HOUR, -1.7e9, 2.3e9])
def test_a_host_further_off_uses_the_backends_time(host: HandClock, clock: CorrectedClock, ahead_s: float) -> None:
    learn_backend(clock, host, ahead_s)
    host.pass_by(100)
    assert abs(clock.now() - host.wall - timedelta(seconds=ahead_s)) <= timedelta(seconds=1)
    assert clock_error_s(clock) == pytest.approx(-ahead_s, abs=1.0)


def test_many_dates_of_whole_seconds_narrow_the_time(host: HandClock, clock: CorrectedClock) -> None:
    true = NOON + timedelta(seconds=600)
    for _ in range(40):
        host.pass_by(0.37)
        true += timedelta(seconds=0.37)
        date = true.replace(microsecond=0)
        clock.learn_backend("edge", date, date + timedelta(seconds=1))
    assert abs(clock.now() - true) < timedelta(seconds=0.1)


def test_the_journals_server_comes_before_the_backends(host: HandClock, clock: CorrectedClock) -> None:
    learn_backend(clock, host, HOUR)
    clock.learn_journal(host.wall + timedelta(seconds=600), host.wall + timedelta(seconds=600))
    assert clock.now() == NOON + timedelta(seconds=600)
    assert clock_line(clock.error()) == "this host's clock is 10 min behind the journal's server: that time is used"


def test_of_three_backends_the_one_in_the_middle_is_believed(host: HandClock, clock: CorrectedClock) -> None:
    for name, ahead_s in (("a", 0.0), ("b", HOUR), ("c", HOUR + 1)):
        learn_backend(clock, host, ahead_s, name)
    assert clock_error_s(clock) == pytest.approx(-HOUR, abs=2.0)


def test_of_two_backends_that_differ_the_one_nearer_to_the_host_is_believed(
    host: HandClock, clock: CorrectedClock
) -> None:
    learn_backend(clock, host, HOUR, "wrong")
    learn_backend(clock, host, 0.0, "right")
    assert clock.now() == host.wall


def test_a_jump_without_a_server_goes_on_with_the_time_from_before(host: HandClock, clock: CorrectedClock) -> None:
    host.jump(HOUR)
    host.pass_by(10)
    assert clock.now() == NOON + timedelta(seconds=10)
    assert clock_line(clock.error()) == "this host's clock jumped 1 h ahead: its time from before is used"


def test_a_jump_to_the_backends_time_is_followed(host: HandClock, clock: CorrectedClock) -> None:
    learn_backend(clock, host, HOUR)
    host.jump(HOUR)
    assert clock.now() == host.wall
    assert clock.error() is None


def test_a_clock_at_the_edge_does_not_change_sides(host: HandClock, clock: CorrectedClock) -> None:
    clock.learn_backend("edge", NOON - timedelta(seconds=2.5), NOON - timedelta(seconds=2.5))
    assert clock.error() is not None
    host.jump(-1.0)
    assert clock.error() is not None
    host.jump(-1.0)
    assert clock.error() is None


def test_a_clock_that_is_slowed_or_sped_up_is_followed(host: HandClock, clock: CorrectedClock) -> None:
    for _ in range(100):
        host.pass_by(1.0)
        host.jump(0.1)
        assert clock.now() == host.wall


def test_a_watching_console_goes_by_the_time_of_the_one_that_polls(host: HandClock, clock: CorrectedClock) -> None:
    clock.learn_poller((NOON - timedelta(hours=1)).timestamp() - host.steady)
    assert clock.now() == NOON - timedelta(hours=1)
    assert clock_line(clock.error()) == "this host's clock is 1 h ahead of the polling console: that time is used"
    clock.learn_poller(None)
    assert clock.now() == host.wall
