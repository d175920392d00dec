"""The time of an embedded world: its own, whatever the wall clocks of the processes that share it show."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from adapters.contract import Context, Counts, Permit, Window
from adapters.embedded.backend import EmbeddedBackend, connect
from adapters.embedded.options import Options
from adapters.embedded.world_time import TimeMark, WorldTime
from tests.embedded_rig import CHECKOUT, ERRORS, NOON, SteppedClock

PERMIT = Permit("t")
HOUR = 3600.0


class WrongClock(SteppedClock):
    """A clock whose wall time is off, while the other one is that of the whole host."""

    def __init__(self, right: SteppedClock, ahead_s: float) -> None:
        super().__init__()
        self.right, self.ahead_s = right, ahead_s

    def now(self) -> datetime:
        return self.right.now() + timedelta(seconds=self.ahead_s)

    def monotonic(self) -> float:
        return self.right.monotonic()


def joined(folder: Path, clock: SteppedClock, told: list[datetime] | None = None) -> EmbeddedBackend:
    def report(earliest: datetime, _latest: datetime) -> None:
        if told is not None:
            told.append(earliest)

    return connect(Options(latency=0), Context("edge", "r1", clock, 5.0, 5.0, folder, report_time=report))


@pytest.mark.parametrize("ahead_s", [-HOUR, 600.0, HOUR, 2.3e9, -1.7e9])
async def test_a_change_by_a_process_with_a_wrong_clock_takes_effect_at_once(tmp_path: Path, ahead_s: float) -> None:
    clock = SteppedClock()
    right, wrong = joined(tmp_path, clock), joined(tmp_path, WrongClock(clock, ahead_s))
    await right.read_target(CHECKOUT)
    await wrong.set_weight(CHECKOUT, 10, PERMIT)
    clock.step(3)
    assert (await right.read_target(CHECKOUT)).percent == 10
    (reply,) = await right.read_metrics([ERRORS], Window(NOON, clock.now(), 1.0))
    assert isinstance(reply.readings[-1].canary, Counts)
    await right.aclose()
    await wrong.aclose()


async def test_every_answer_reports_the_worlds_time(tmp_path: Path) -> None:
    clock, told = SteppedClock(), list[datetime]()
    right, wrong = joined(tmp_path, clock), joined(tmp_path, WrongClock(clock, HOUR), told)
    await right.read_target(CHECKOUT)
    clock.step(7)
    await wrong.read_target(CHECKOUT)
    assert told[-1] == clock.now()
    assert wrong.skew_s == -HOUR and right.skew_s is None
    await right.aclose()
    await wrong.aclose()


async def test_a_reader_with_a_wrong_clock_gets_its_samples_dated_by_that_clock(tmp_path: Path) -> None:
    clock = SteppedClock()
    right, wrong = joined(tmp_path, clock), joined(tmp_path, WrongClock(clock, HOUR))
    await right.set_weight(CHECKOUT, 10, PERMIT)
    clock.step(5)
    ahead = timedelta(seconds=HOUR)
    (ours,) = await right.read_metrics([ERRORS], Window(NOON, clock.now(), 1.0))
    (theirs,) = await wrong.read_metrics([ERRORS], Window(NOON + ahead, clock.now() + ahead, 1.0))
    assert [(tick.at - ahead, tick.canary) for tick in theirs.readings] == [(t.at, t.canary) for t in ours.readings]
    await right.aclose()
    await wrong.aclose()


def test_a_world_is_never_before_its_newest_change(tmp_path: Path) -> None:
    time = WorldTime(tmp_path / "w.time")
    assert time.at(1000.0, 50.0, least=5000.0) == 5000.0
    assert time.at(1000.0, 60.0, least=5000.0) == 5010.0


def test_marks_of_another_boot_and_lines_that_are_none_are_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "w.time"
    file.write_bytes(
        TimeMark(9e9, "another boot", 1.0).line() + b'{"at": 1}\nnot json\n[]\n{"at": "x", "steady_s": "y"}\n'
    )
    assert WorldTime(file).at(1000.0, 50.0, least=0.0) == 1000.0
    assert WorldTime(file).at(7000.0, 60.0, least=0.0) == 1010.0


def test_a_folder_that_takes_no_writes_leaves_a_process_its_own_time(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert WorldTime(blocked / "w.time").at(1000.0, 50.0, least=0.0) == 1000.0
