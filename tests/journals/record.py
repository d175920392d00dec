"""Records a rollout of the embedded world as `rollout_v1.jsonl`: run it only when the format changes, under a new name.

    python -m tests.journals.record tests/journals/rollout_v2.jsonl

A whole sitting at twenty times the speed: two promotes (one overridden), a note, halt, resume, rollback, close.
"""

from __future__ import annotations

from pathlib import Path

from console.engine.clock import FastClock
from console.engine.config import EngineConfig
from console.engine.engine import Engine
from console.events.evidence import Verb
from console.journal.sqlite import SqliteJournal
from console.plan.loader import load
from console.state.intent import Intent
from console.state.values import Mode
from tests.journals.recorder import SPEED, by_somebody, line, main, until

PLAN = """\
warroom: 1
rollout: recorded
backends:
  world: {adapter: embedded}
targets:
  api: {backend: world, canary: api-v2, baseline: api-v1}
  flow: {backend: world, kind: flag}
metrics:
  errors: {backend: world, limit: 5%}
stages:
  - {name: one, set: {api: 5}, bake: 20s, min_requests: 10}
  - {name: two, set: {api: 25, flow: 10}, bake: 20s}
  - {name: all, set: {api: 100, flow: on}}
"""


async def _sitting(engine: Engine) -> None:
    async def act(verb: Verb | None, **said: object) -> None:
        state = engine.state()
        said.setdefault("typed", "rollback")
        answer = await engine.act(Intent(verb, stage=state.reached, move=state.move, **said))  # type: ignore[arg-type]
        assert answer.result.value == "accepted", answer.line

    await engine.wait_polled()
    await act(Verb.PROMOTE)
    await until(engine, lambda state: state.reached == 1)
    await act(None, text="watching the errors")
    await act(Verb.HALT, reason="pages from payments")
    await act(Verb.RESUME, reason="they were a test")
    await until(engine, lambda state: state.baked_s > 10)
    await act(Verb.PROMOTE, override=True, reason="the window closes")
    await until(engine, lambda state: state.reached == 2)
    await act(Verb.ROLLBACK, reason="errors rise")
    await until(engine, lambda state: state.mode is Mode.ROLLED_BACK)
    await act(Verb.CLOSE, override=True, reason="enough")


async def record(folder: Path) -> list[str]:
    """The lines of one recorded rollout; `folder` is where the world and the journal live meanwhile."""
    (folder / "plan.yaml").write_text(PLAN, encoding="utf-8")
    journal = SqliteJournal(folder / "journal.db")
    plan = load(folder / "plan.yaml")
    engine = await Engine.open(EngineConfig(plan, journal, FastClock(SPEED), folder, "0.1.0"), lambda _state: None)
    engine.start()
    try:
        await _sitting(engine)
    finally:
        await engine.close()
    lines = [line(entry.seq, by_somebody(entry.event)) for entry in journal.history("recorded/1")]
    journal.close()
    return lines


if __name__ == "__main__":
    main(record)
