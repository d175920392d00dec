"""Records a rollout that two people share as `rollout_v2.jsonl`: run it only when the format changes, under a new name.

    python -m tests.journals.record_people tests/journals/rollout_v3.jsonl

Ana promotes with ben's approval, offers him the pen, he lays it down with a note; she takes it, he takes it from her,
she halts and rolls back without it; a rung of the ladder is reached. A fake vouches for the approval: there is one user
here.
"""

from __future__ import annotations

from pathlib import Path

from console.engine.clock import FastClock
from console.engine.config import EngineConfig
from console.engine.engine import Engine
from console.events.evidence import Actor, Verb
from console.journal.contract import SignedApproval, UnsignedApproval
from console.journal.sqlite import SqliteJournal
from console.plan.loader import load
from console.state.intent import Intent
from console.state.values import Mode
from tests.journals.record import PLAN
from tests.journals.recorder import SOMEBODY, SPEED, line, main, until

TOGETHER = (
    PLAN.replace("rollout: recorded", "rollout: shared").replace("bake: 20s}", "bake: 0s, approvals: 1}")
    + "escalation: [{after: 20s, call: payments on call}]\n"
)
ANA = SOMEBODY
BEN = Actor(uid=1002, user="ben", host="bastion-1", pid=4343)


class Vouching(SqliteJournal):
    """A fake in one point: it vouches for ben whoever approves."""

    given: list[SignedApproval] = []  # noqa: RUF012 - what is approved is shared by both consoles

    def approve(self, rollout: str, approval: UnsignedApproval) -> SignedApproval:
        self.given.append(SignedApproval(approval, "uid:1002", "ben"))
        return self.given[-1]

    def approvals(self, rollout: str) -> list[SignedApproval]:
        return list(self.given)


async def _act(engine: Engine, verb: Verb, **said: object) -> None:
    state = engine.state()
    wish = {"stage": state.reached, "move": state.move, "seen": state.last_seq, **said}
    answer = await engine.act(Intent(verb, **wish))  # type: ignore[arg-type]
    assert answer.result.value == "accepted", answer.line


async def _sitting(ana: Engine, ben: Engine) -> None:
    await ana.wait_polled()
    await until(ben, lambda state: state.local.crew is not None and len(state.local.crew) == 2)
    await _act(ana, Verb.PROMOTE, override=True, reason="nothing is exposed yet")
    await until(ben, lambda state: state.reached == 1)
    await _act(ben, Verb.APPROVE, reason="graphs look right")
    await until(ana, lambda state: state.local.approvals)
    await _act(ana, Verb.PROMOTE, override=True, reason="the window closes")
    await until(ben, lambda state: state.reached == 2)
    await _act(ana, Verb.OFFER, subject="ben", reason="lunch")
    await until(ben, lambda state: state.pen.offered == "ben")
    await _act(ben, Verb.TAKE)
    await _act(ben, Verb.HANDOFF, reason="errors on /cart are a bot")
    await until(ana, lambda state: state.handoff is not None)
    await _act(ana, Verb.TAKE)
    await until(ben, lambda state: state.pen.held_by(ANA))
    await _act(ben, Verb.TAKE, reason="ana is on the phone")
    await until(ana, lambda state: state.pen.held_by(BEN))
    await _act(ana, Verb.HALT, reason="pages")
    await until(ana, lambda state: state.called)
    await _act(ana, Verb.ROLLBACK, reason="errors rise")
    await until(ben, lambda state: state.mode is Mode.ROLLED_BACK)
    await _act(ben, Verb.CLOSE, override=True, reason="enough")


async def record(folder: Path) -> list[str]:
    """The lines of one recorded rollout; `folder` is where the world and the journal live meanwhile."""
    (folder / "plan.yaml").write_text(TOGETHER, encoding="utf-8")
    plan, clock = load(folder / "plan.yaml"), FastClock(SPEED)
    journals = [Vouching(folder / "journal.db") for _ in (ANA, BEN)]
    engines = [
        await Engine.open(EngineConfig(plan, journal, clock, folder, "0.2.0", who=who), lambda _state: None)
        for journal, who in zip(journals, (ANA, BEN), strict=True)
    ]
    for engine in engines:
        engine.start()
    try:
        await _sitting(*engines)
    finally:
        for engine in engines:
            await engine.close()
    lines = [line(entry.seq, entry.event) for entry in journals[0].history("shared/1")]
    for journal in journals:
        journal.close()
    return lines


if __name__ == "__main__":
    main(record)
