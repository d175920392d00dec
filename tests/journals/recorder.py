"""What the recorders of this folder share: how they wait, who is said to have sat there, and the lines of the file."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from console.engine.engine import Engine
from console.events.evidence import Actor
from console.events.kinds import Event, encode
from console.state.values import State

SOMEBODY = Actor(uid=1001, user="ana", host="bastion-1", pid=4242)
SPEED = 20.0
"""How much faster than the wall a sitting in the embedded world goes."""
PATIENCE_S = 60.0


async def until(engine: Engine, seen: Callable[[State], object]) -> None:
    """Wait until the engine's state shows it. Raises TimeoutError."""
    async with asyncio.timeout(PATIENCE_S):
        while not seen(engine.state()):  # noqa: ASYNC110 - a script, not a loop that serves anybody
            await asyncio.sleep(0.02)


def by_somebody(event: Event) -> Event:
    """The event as if SOMEBODY had caused whatever a person did here."""
    return event if event.who is None else event.model_copy(update={"who": SOMEBODY})


def line(seq: int, event: Event) -> str:
    """One line of a recorded rollout."""
    return json.dumps({"seq": seq, "kind": event.kind, "body": encode(event)}, ensure_ascii=False)


def main(record: Callable[[Path], Awaitable[list[str]]]) -> None:
    """Write the lines that `record` makes in a folder of its own to the file that the command line names."""

    async def recorded() -> list[str]:
        with tempfile.TemporaryDirectory() as made:
            return await record(Path(made))

    Path(sys.argv[1]).write_text("\n".join(asyncio.run(recorded())) + "\n", encoding="utf-8")
