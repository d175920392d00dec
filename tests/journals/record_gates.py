"""Records a rollout whose backend asks at gates as `rollout_gates.jsonl`: run it only when the format changes.

    python -m tests.journals.record_gates tests/journals/rollout_gates2.jsonl

A Canary is let in and on to 10 %, a second promote is asked for by nobody and lapses, and a rollback is answered. The
cluster and Flagger are FAKES.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from adapters import registry
from console.events.evidence import Verb
from console.events.kinds import GateLapsed
from console.journal.sqlite import SqliteJournal
from console.state.values import Mode
from tests.gate_rig import PLAN, has_reached, site
from tests.journals.recorder import SOMEBODY, line, main

ASKED = PLAN.replace("rollout: one", "rollout: gates").replace("flagger-fake", "flagger").replace("400ms", "3s")


async def record(folder: Path) -> list[str]:
    """The lines of one recorded rollout, samples left out; `folder` is where the journal lives meanwhile."""
    registry.BUILT_IN["flagger"] = "tests.flagger_adapter"
    async with site(folder, ASKED) as there:
        console = there.door = await there.room.console(who=SOMEBODY)
        await console.engine.wait_polled()
        await there.released(console)
        await console.act(Verb.PROMOTE, reason="go")
        await there.looks(5)
        state = await console.until(lambda state: has_reached(2, state))
        await console.act(Verb.PROMOTE, reason="on")
        state = console.state
        asked = list(state.requests.values())[-1]
        late = (state.as_of or asked.at) + timedelta(minutes=5)
        reason = "web did not ask in 300 s: see that `warroom watch --gates` runs, promote again"
        await console.engine.store.append_observation(GateLapsed(at=late, request=asked.id, reason=reason))
        await console.act(Verb.ROLLBACK, reason="enough of it")
        await console.until(lambda state: len(state.requests) == 3)
        await there.looks(2)
        await console.until(lambda state: state.mode is Mode.ROLLED_BACK)
        await console.act(Verb.CLOSE, override=True, reason="done")
        await console.close()
        journal = SqliteJournal(there.room.journal)
        entries = journal.tail("gates/1", 0)
        journal.close()
    return [line(entry.seq, entry.event) for entry in entries]


if __name__ == "__main__":
    main(record)
