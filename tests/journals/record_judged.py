"""Records a rollout with every shape of metric as `rollout_judged.jsonl`: run it only when a shape changes, as above.

    python -m tests.journals.record_judged tests/journals/rollout_judged2.jsonl

Counts, a histogram and a gauge whose instances are told apart; a canary that errs six times as often is promoted once,
fails, and is taken back. Of the history before it only the last minutes are kept.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from console.engine.clock import FastClock
from console.engine.config import EngineConfig
from console.engine.engine import Engine
from console.events.evidence import Verb
from console.events.kinds import Event, RolloutOpened, SourceRead
from console.journal.sqlite import SqliteJournal
from console.judge.verdict import StageWord
from console.plan.loader import load
from console.state.intent import Intent
from console.state.values import Mode
from tests.journals.recorder import SPEED, by_somebody, line, main, until

PLAN = """\
warroom: 1
rollout: judged
timing: {poll: 5s}
backends:
  world: {adapter: embedded, rps: 4000, scenario: error_spike, onset: 90s}
targets:
  api: {backend: world, canary: api-v2, baseline: api-v1}
metrics:
  errors: {backend: world}
  latency: {backend: world, shape: histogram, role: guard}
  cpu: {backend: world, shape: gauge}
stages:
  - {name: five, set: {api: 5}, bake: 60s}
  - {name: all, set: {api: 100}}
"""
KEPT = timedelta(minutes=4)
"""Of what was before the opening."""


async def _sitting(engine: Engine) -> None:
    async def act(verb: Verb, **said: object) -> None:
        state = engine.state()
        answer = await engine.act(Intent(verb, stage=state.reached, move=state.move, **said))  # type: ignore[arg-type]
        assert answer.result.value == "accepted", answer.line

    await engine.wait_polled()
    await act(Verb.PROMOTE)
    await until(engine, lambda state: state.stage_verdict is not None and state.stage_verdict.word is StageWord.FAIL)
    await act(Verb.ROLLBACK, reason="errors fail")
    await until(engine, lambda state: state.mode is Mode.ROLLED_BACK)
    await act(Verb.CLOSE, override=True, reason="enough")


def _trimmed(event: Event, opened: RolloutOpened) -> Event:
    """The event without the ticks of long before the opening."""
    if not isinstance(event, SourceRead):
        return event
    replies = tuple(
        replace(reply, readings=tuple(tick for tick in reply.readings if tick.at > opened.at - KEPT))
        for reply in event.replies
    )
    return event.model_copy(update={"replies": replies})


async def record(folder: Path) -> list[str]:
    """The lines of one recorded rollout."""
    (folder / "plan.yaml").write_text(PLAN, encoding="utf-8")
    journal = SqliteJournal(folder / "journal.db")
    engine = await Engine.open(
        EngineConfig(load(folder / "plan.yaml"), journal, FastClock(SPEED), folder, "0.1.0"), lambda _state: None
    )
    engine.start()
    try:
        await _sitting(engine)
    finally:
        await engine.close()
    entries = list(journal.history("judged/1"))
    opened = entries[0].event
    assert isinstance(opened, RolloutOpened)
    lines = [line(entry.seq, by_somebody(_trimmed(entry.event, opened))) for entry in entries]
    journal.close()
    return lines


if __name__ == "__main__":
    main(record)
