"""The race: many consoles meet at a barrier and press promote; exactly one call may be made per round.

All consoles belong to one person, so that the journal decides and not the pen. Calls are counted by the fake backend,
not by the consoles.
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
from tests.bench.faults.adapter import register_adapter
from tests.bench.faults.children import fork, reap
from tests.bench.faults.engine_console import ClockOrigin, EngineConsole, SharedClock, Stuck, open_console
from tests.bench.faults.fake_backend import FakeBackend

PATIENCE_S = 240.0
"""Longest time of one round."""


@dataclass(frozen=True, slots=True)
class RaceResult:
    """All rounds of one race."""

    journal: str
    consoles: int
    rounds: int
    calls: Mapping[int, int]
    """Calls in a round, as the backend counted -> number of such rounds."""
    answers: Mapping[str, int]
    """Answers to the consoles, over all rounds."""

    @property
    def faults(self) -> list[str]:
        """Rounds with no call or several."""
        return [f"{rounds} rounds made {calls} calls" for calls, rounds in self.calls.items() if calls != 1]


def run_race(
    fake: FakeBackend,
    place: JournalLocation,
    name: str,
    *,
    consoles: int = 16,
    rounds: int = 200,
    progress: Callable[[str], None] = lambda _: None,
) -> RaceResult:
    """Run the race on one rollout with one stage per round.

    Raises:
        Stuck: a console did not reach the next round.
    """
    world = f"race-{name}-{os.getpid()}"
    plan = race_plan(world, f"{fake.url}/{world}", rounds)
    calls: Counter[int] = Counter()
    answers: Counter[str] = Counter()
    starts, start = socket.socketpair()
    with register_adapter(), tempfile.TemporaryDirectory(prefix="warroom-race-") as folder:
        place.open().close()  # create it before the racers start
        racers = [_Racer(plan, place, Path(folder), rounds, start, first=number == 0) for number in range(consoles)]
        try:
            made = 0
            for number in range(1, rounds + 1):
                for racer in racers:
                    racer.receive()  # "ready"
                starts.send(b"g" * consoles)
                answers.update(racer.receive() for racer in racers)
                now = len(fake.writes(world))
                calls[now - made] += 1
                made = now
                if number % 20 == 0:
                    progress(f"{name}: {number} of {rounds} rounds, calls a round {dict(calls)}")
        finally:
            for racer in racers:
                racer.kill()
            starts.close()
            start.close()
    return RaceResult(name, consoles, rounds, calls, answers)


def race_plan(world: str, url: str, rounds: int) -> str:
    """A plan with one stage, and so one call, per round."""
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
    """One console in its own process, and the socket to it."""

    def __init__(
        self, plan: str, place: JournalLocation, folder: Path, rounds: int, start: socket.socket, *, first: bool
    ) -> None:
        self._socket, child = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(PATIENCE_S)
        self._pid = fork(lambda: asyncio.run(_run_racer(plan, place, folder, rounds, start, child)))
        child.close()
        self._received: list[str] = []
        if first:  # it opens the rollout before the others join
            self._received.append(self.receive())

    def receive(self) -> str:
        """The console's next message. Raises Stuck."""
        if self._received:
            return self._received.pop()
        try:
            message = self._socket.recv(4096)
        except TimeoutError:
            raise Stuck("a console did not reach the next round") from None
        if not message:
            raise Stuck("a console exited")
        word: str = json.loads(message)
        if word.startswith("stuck"):
            raise Stuck(word)
        return word

    def kill(self) -> None:
        """End the console's process."""
        self._socket.close()
        reap(self._pid)


async def _run_racer(
    plan: str, place: JournalLocation, folder: Path, rounds: int, start: socket.socket, parent: socket.socket
) -> None:
    start.setblocking(False)
    loop = asyncio.get_running_loop()
    journal = place.open()
    try:
        async with open_console(plan, journal, folder, SharedClock(ClockOrigin(), 1.0)) as console:
            for number in range(rounds):
                await _wait_until_ready(console, number)
                intent = console.intent(Verb.PROMOTE)
                parent.send(json.dumps("ready").encode())
                await loop.sock_recv(start, 1)
                answer = await console.engine.act(intent)
                parent.send(json.dumps(answer.result.value).encode())
    except Stuck as error:
        parent.send(json.dumps(f"stuck: {error}").encode())
    finally:
        journal.close()


async def _wait_until_ready(console: EngineConsole, reached: int) -> None:
    await console.until(
        lambda state: state.reached == reached and why_not(state, Verb.PROMOTE) is None, within_s=PATIENCE_S
    )
