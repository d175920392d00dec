"""The race: many long-lived consoles meet at a barrier and press promote; each round exactly one call may be made.

All of them are one person's, so that no pen decides before the journal does. What counts is the fake backend's own
count, not what the consoles say of themselves.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from console.events.evidence import Verb
from console.journal.location import JournalLocation
from console.state.gates import why_not
from tests.bench.faults.adapter import registered
from tests.bench.faults.children import fork, reap
from tests.bench.faults.fake import Fake
from tests.bench.faults.room import Console, SharedClock, Stuck, Zero, console

PATIENCE_S = 60.0
"""How long a round may take before it counts as stuck."""


@dataclass(frozen=True, slots=True)
class RaceResult:
    """A whole race."""

    journal: str
    consoles: int
    rounds: int
    """That were run."""
    calls: Mapping[int, int]
    """Calls in a round at the fake's count -> how many rounds."""
    answers: Mapping[str, int]
    """What the consoles were answered, over all rounds."""

    @property
    def faults(self) -> list[str]:
        """Rounds that made another number of calls than one."""
        return [f"{rounds} rounds made {calls} calls" for calls, rounds in self.calls.items() if calls != 1]


def race(
    fake: Fake,
    place: JournalLocation,
    name: str,
    *,
    consoles: int = 16,
    rounds: int = 200,
    progress: Callable[[str], None] = lambda _: None,
) -> RaceResult:
    """Run the race on one rollout with one stage per round.

    Raises:
        Stuck: a console did not come to the next round.
    """
    world = f"race-{name}-{os.getpid()}"
    plan = plan_of(world, f"{fake.url}/{world}", rounds)
    calls: Counter[int] = Counter()
    answers: Counter[str] = Counter()
    starts, start = socket.socketpair()
    with registered(), tempfile.TemporaryDirectory(prefix="warroom-race-") as folder:
        place.open().close()  # made once, by one
        racers = [_Racer(plan, place, Path(folder), rounds, start, first=number == 0) for number in range(consoles)]
        try:
            made = 0
            for number in range(1, rounds + 1):
                for racer in racers:
                    racer.hear()  # that it is ready
                starts.send(b"g" * consoles)
                answers.update(racer.hear() for racer in racers)
                now = len(fake.writes(world))
                calls[now - made] += 1
                made = now
                if number % 20 == 0:
                    progress(f"{name}: {number} of {rounds} rounds, calls a round {dict(calls)}")
        finally:
            for racer in racers:
                racer.end()
            starts.close()
            start.close()
    return RaceResult(name, consoles, rounds, calls, answers)


def plan_of(world: str, url: str, rounds: int) -> str:
    """A plan with one stage per round, each of them one call."""
    stages = "".join(
        f"  - {{name: s{number}, set: {{{'ab'[number % 2]}: {(number + 1) // 2}}}}}\n"
        for number in range(1, rounds + 1)
    )
    return (
        f"warroom: 1\nrollout: {world}\ntiming: {{poll: 1s, tick: 1s}}\n"
        f"backends: {{edge: {{adapter: counting, url: '{url}'}}}}\n"
        f"targets: {{a: {{backend: edge}}, b: {{backend: edge}}}}\nstages:\n{stages}"
    )


class _Racer:
    """One console in a process of its own, and the wire to it."""

    def __init__(
        self, plan: str, place: JournalLocation, folder: Path, rounds: int, start: socket.socket, *, first: bool
    ) -> None:
        self._wire, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._wire.settimeout(PATIENCE_S)
        self._pid = fork(lambda: asyncio.run(_press(plan, place, folder, rounds, start, there)))
        there.close()
        self._heard: list[str] = []
        if first:  # it opens the rollout, and the others join it
            self._heard.append(self.hear())

    def hear(self) -> str:
        """Its next word."""
        if self._heard:
            return self._heard.pop()
        try:
            said = self._wire.recv(4096)
        except TimeoutError:
            raise Stuck("a console did not come to the next round") from None
        if not said:
            raise Stuck("a console ended")
        word: str = json.loads(said)
        if word.startswith("stuck"):
            raise Stuck(word)
        return word

    def end(self) -> None:
        self._wire.close()
        reap(self._pid)


async def _press(
    plan: str, place: JournalLocation, folder: Path, rounds: int, start: socket.socket, wire: socket.socket
) -> None:
    start.setblocking(False)
    loop = asyncio.get_running_loop()
    journal = place.open()
    try:
        async with console(plan, journal, folder, SharedClock(Zero(), 1.0)) as room:
            for number in range(rounds):
                await _ready(room, number)
                intent = room.intent(Verb.PROMOTE)
                wire.send(json.dumps("ready").encode())
                await loop.sock_recv(start, 1)
                answer = await room.engine.act(intent)
                wire.send(json.dumps(answer.result.value).encode())
    except Stuck as error:
        wire.send(json.dumps(f"stuck: {error}").encode())
    finally:
        journal.close()


async def _ready(room: Console, reached: int) -> None:
    await room.until(
        lambda state: state.reached == reached and why_not(state, Verb.PROMOTE) is None, within_s=PATIENCE_S
    )
