"""The engine's thread: the mailbox, the inbox, what it is busy with, and every way to end."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from adapters import registry
from console.engine import engine as engine_module
from console.engine import rollback as rollback_module
from console.engine import thread as engine_thread
from console.engine.clock import SystemClock
from console.engine.config import EngineConfig
from console.engine.thread import EngineThread
from console.engine_port import EnginePort
from console.events.evidence import Verb
from console.journal.contract import Journal
from console.journal.sqlite import SqliteJournal
from console.journal.unavailable import open_or_unavailable
from console.logs.context import traceback_hint
from console.plan.loader import load
from console.state.card import card_for
from console.state.intent import Intent
from console.state.values import State
from tests import scripted_adapter
from tests.engine_rig import ONE, PATIENCE_S, TWO
from tests.scripted_adapter import World

LONG = ONE.replace("write_deadline: 400ms", "write_deadline: 5s")


class Held:
    """A hook that holds calls back; it may be opened from any thread."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()

    async def __call__(self, _target: str) -> None:
        self.reached.set()
        while not self.opened.is_set():  # noqa: ASYNC110 - opened from another thread
            await asyncio.sleep(0.005)


class Seat:
    """Somebody in front of an engine in its thread."""

    def __init__(self, desk: EngineThread, world: World, journal: Path) -> None:
        self.desk = desk
        self.world = world
        self.journal = journal

    def until(self, seen: Callable[[State], object]) -> State:
        deadline = time.monotonic() + PATIENCE_S
        while (state := self.desk.latest()) is None or not seen(state):
            assert time.monotonic() < deadline, state
            assert self.desk.end_reason() is None
            time.sleep(0.005)
        return state

    def ask(self, verb: Verb) -> bool:
        state = self.until(lambda state: state.as_of is not None)
        return self.desk.ask(Intent(verb, card_for(state, verb), stage=state.reached, move=state.move))

    def promoted(self, reached: int) -> None:
        assert self.ask(Verb.PROMOTE)
        self.until(lambda state: state.reached == reached)

    def left(self, *, leave: bool) -> None:
        self.desk.stop(leave=leave)
        assert self.desk.join(PATIENCE_S)

    def outcomes(self) -> list[str]:
        """Decisions and what became of them, from the journal."""
        journal = SqliteJournal(self.journal)
        found = [f"{decided.verb} {decided.outcome}" for decided in journal.decisions()]
        journal.close()
        return found


@contextmanager
def seat(folder: Path, plan: str = ONE) -> Iterator[Seat]:
    """An engine in its thread, ended at the end whatever happened."""
    (folder / "plan.yaml").write_text(plan, encoding="utf-8")
    journal = folder / "journal.db"
    opened: list[Journal] = []

    def prepare() -> EngineConfig:
        opened.append(open_or_unavailable(lambda: SqliteJournal(journal)))
        return EngineConfig(load(folder / "plan.yaml"), opened[-1], SystemClock(), folder, "0")

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setitem(registry.BUILT_IN, "scripted", "tests.scripted_adapter")
        monkeypatch.setattr(engine_module, "CYCLE_S", 0.02)
        monkeypatch.setattr(rollback_module, "PASS_S", 0.02)
        world = scripted_adapter.worlds.setdefault(folder, World())
        desk = EngineThread(prepare)
        desk.start()
        try:
            yield Seat(desk, world, journal)
        finally:
            desk.stop(leave=True)
            assert desk.join(PATIENCE_S)
            for each in opened:
                each.close()
            scripted_adapter.worlds.pop(folder, None)


def test_the_thread_is_a_desk(tmp_path: Path) -> None:
    with seat(tmp_path) as seated:
        desk: EnginePort = seated.desk
        assert desk.in_flight() is None


def test_what_is_asked_is_done_and_seen(tmp_path: Path) -> None:
    with seat(tmp_path) as seated:
        seated.promoted(1)
        seated.left(leave=False)
        assert seated.outcomes() == ["promote api accepted"]
        assert seated.desk.refusals() == []


def test_a_refusal_is_answered_with_one_line_once(tmp_path: Path) -> None:
    with seat(tmp_path) as seated:
        seated.ask(Verb.RESUME)
        deadline = time.monotonic() + PATIENCE_S
        while not (said := seated.desk.refusals()):
            assert time.monotonic() < deadline
            time.sleep(0.005)
        assert said == ["resume refused: not halted"]
        assert seated.desk.refusals() == []


def test_a_full_inbox_refuses_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with seat(tmp_path) as seated:
        seated.until(lambda state: state.as_of is not None)
        monkeypatch.setattr(engine_thread, "INBOX", 0)
        assert seated.ask(Verb.HALT) is False


def test_what_is_in_flight_is_said_before_leaving(tmp_path: Path) -> None:
    with seat(tmp_path, LONG) as seated:
        seated.world.before_write = held = Held()
        seated.ask(Verb.PROMOTE)
        assert held.reached.wait(PATIENCE_S)
        assert seated.desk.in_flight() == "api -> 5 %"
        held.opened.set()
        seated.until(lambda state: state.reached == 1)
        assert seated.desk.in_flight() is None


def test_leaving_settles_a_call_in_flight_as_unknown(tmp_path: Path) -> None:
    with seat(tmp_path, LONG) as seated:
        seated.world.before_write = held = Held()
        seated.ask(Verb.PROMOTE)
        assert held.reached.wait(PATIENCE_S)
        seated.left(leave=True)
        assert seated.outcomes() == ["promote api unknown"]
        assert seated.world.writes == []


def test_waiting_lets_a_call_in_flight_end(tmp_path: Path) -> None:
    with seat(tmp_path, LONG) as seated:
        seated.world.before_write = held = Held()
        seated.ask(Verb.PROMOTE)
        assert held.reached.wait(PATIENCE_S)
        seated.desk.stop(leave=False)
        assert not seated.desk.join(0.05)
        held.opened.set()
        assert seated.desk.join(PATIENCE_S)
        assert seated.outcomes() == ["promote api accepted"]


def test_a_rollback_under_way_finishes_its_automatic_steps_though_everybody_has_left(tmp_path: Path) -> None:
    with seat(tmp_path, TWO.replace("write_deadline: 400ms", "write_deadline: 1s")) as seated:
        seated.promoted(1)
        seated.world.before_write = held = Held()
        seated.ask(Verb.ROLLBACK)
        assert held.reached.wait(PATIENCE_S)
        seated.desk.stop(leave=True)
        assert seated.desk.in_flight() == "page -> off, the rollback's automatic steps"
        held.opened.set()
        assert seated.desk.join(PATIENCE_S)
        assert seated.world.writes[2:] == ["page off", "api 0 %"]
        assert seated.outcomes()[-1] == "rollback page accepted, api accepted"


def test_a_rollback_handed_over_just_before_the_end_is_carried_out(tmp_path: Path) -> None:
    with seat(tmp_path) as seated:
        seated.promoted(1)
        assert seated.ask(Verb.ROLLBACK)
        seated.left(leave=True)
        assert seated.world.writes == ["api 5 %", "api 0 %"]


def test_a_stop_before_the_engine_is_open_ends_it(tmp_path: Path) -> None:
    with seat(tmp_path) as seated:
        seated.left(leave=True)
        assert seated.desk.end_reason() is None


def test_a_plan_with_errors_ends_the_engine_with_its_lines(tmp_path: Path) -> None:
    with seat(tmp_path, ONE.replace("api: 50", "web: 50")) as seated:
        assert seated.desk.join(PATIENCE_S)
        assert "plan.yaml" in (seated.desk.end_reason() or "")
        assert "web" in (seated.desk.end_reason() or "")
        assert seated.desk.ask(Intent(Verb.HALT)) is False


def test_a_backend_that_cannot_be_used_ends_the_engine_with_a_line(tmp_path: Path) -> None:
    with seat(tmp_path, ONE.replace("scripted}", "scripted, cannot: the token is not set}")) as seated:
        assert seated.desk.join(PATIENCE_S)
        assert seated.desk.end_reason() == "edge: the token is not set"


def test_a_bug_of_ours_ends_the_engine_with_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def bug(*_config: object) -> None:
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr(engine_module.Engine, "open", bug)
    with seat(tmp_path) as seated:
        assert seated.desk.join(PATIENCE_S)
        assert seated.desk.end_reason() == f"internal error: RuntimeError: a bug of ours; {traceback_hint()}"


def test_a_screen_that_stops_reading_stops_nothing(tmp_path: Path) -> None:
    with seat(tmp_path) as seated:
        seated.promoted(1)
        seated.ask(Verb.ROLLBACK)
        deadline = time.monotonic() + PATIENCE_S
        while "api 0 %" not in seated.world.writes:  # nobody takes a State out of the mailbox meanwhile
            assert time.monotonic() < deadline
            time.sleep(0.01)
        seated.until(lambda state: state.rolled_back_at)
