"""Records a rollout with an order and a skipped step as `rollout_orders.jsonl`: run it only when the format changes.

    python -m tests.journals.record_orders tests/journals/rollout_orders2.jsonl

A controller that owns its steps is promoted in full by an order, taken back, and a manual step of the rollback is
skipped: the shapes 2 of a decision and of a request. The cluster and the controller are FAKES.
"""

from __future__ import annotations

from pathlib import Path

from adapters import registry
from console.events.evidence import Verb
from console.journal.sqlite import SqliteJournal
from console.state.values import Mode
from tests.argo_fake import PAUSE, weight
from tests.journals.recorder import SOMEBODY, line, main
from tests.steps_rig import LISTED, at_stage, reconciling, room_with

WITH_STEPS = LISTED.replace("rollout: one", "rollout: orders").replace("400ms", "3s").replace(
    "adapter: argo", "adapter: argo-rollouts"
) + ('rollback:\n  - {id: api-back, set: {api: 0}}\n  - {id: tell, manual: "say so in #incidents"}\n')


async def record(folder: Path) -> list[str]:
    """The lines of one recorded rollout, samples left out; `folder` is where the journal lives meanwhile."""
    registry.BUILT_IN["argo-rollouts"] = "tests.argo_adapter"
    async with room_with(folder, WITH_STEPS, weight(20), PAUSE, weight(60), PAUSE) as (room, site), reconciling(site):
        console = await room.console(who=SOMEBODY)
        await at_stage(console, 1)
        await console.act(Verb.ORDER, subject="api promote-full", reason="the fix for the outage")
        await console.until(lambda state: state.mode is Mode.COMPLETE)
        await console.act(Verb.ROLLBACK, reason="it was not")
        await console.until(lambda state: state.checklist[0].is_over)
        await console.act(Verb.SKIP, subject="tell", reason="everybody is in the call")
        await console.until(lambda state: state.mode is Mode.ROLLED_BACK)
        await console.act(Verb.CLOSE, override=True, reason="enough")
        await console.close()
        journal = SqliteJournal(room.journal)
        entries = journal.tail("orders/1", 0)
        journal.close()
    return [line(entry.seq, entry.event) for entry in entries]


if __name__ == "__main__":
    main(record)
