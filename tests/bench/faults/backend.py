"""Faults of the backend and of the way to it: what is settled how, and what a read tells afterwards."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any

from console.events.evidence import Verb
from tests.bench.faults.fake import Mode
from tests.bench.faults.ground import Ground, Row, quiet, screen

Case = Callable[[Ground], Coroutine[Any, Any, Row]]


async def _refused(ground: Ground) -> Row:
    """403: nothing was done, and the next key may try again."""
    async with ground.console() as room:
        ground.misbehave(Mode.REFUSE)
        answer = await room.engine.act(room.intent(Verb.PROMOTE))
        ground.misbehave(Mode.FINE)
        await room.until(lambda state: not state.in_flight)
        seen = screen(room)
        await room.engine.act(room.intent(Verb.PROMOTE))
        await room.until(lambda state: state.reached == 1)
    lost = ground.lost(calls=[10, 10], decisions=[Verb.PROMOTE, Verb.PROMOTE])
    return Row("refuse (403)", f"{answer.line} | {seen}", tuple(lost))


async def _unknown(ground: Ground, mode: Mode, name: str, *, done: bool) -> Row:
    """No whole answer: in doubt, nothing goes forward, and a read tells. `done`: whether the backend did it."""
    async with ground.console() as room:
        ground.misbehave(mode)
        answer = await room.engine.act(room.intent(Verb.PROMOTE))
        ground.misbehave(Mode.FINE)
        doubt = screen(room)
        early = await room.engine.act(room.intent(Verb.PROMOTE))
        await quiet(room)
        if not done:
            await room.until(lambda state: state.next is not None and state.next.trouble)
            await room.engine.act(room.intent(Verb.PROMOTE))
        await room.until(lambda state: (state.reached or 0) >= 1)
        pressed = 1 + (early.result == "accepted") + (not done)
    told = [100] if early.result == "accepted" else []  # a read was quicker than the second key
    lost = list(ground.lost(calls=[10, *told] if done else [10, 10], decisions=[Verb.PROMOTE] * pressed))
    if early.result == "accepted" and not done:
        lost.append("something went forward while it was in doubt")
    return Row(name, f"{answer.line} | {doubt}", tuple(lost))


async def nowhere(ground: Ground) -> Row:
    """The name cannot be resolved: nothing is read, nothing forward is offered, a rollback leaves it to a person."""
    ground.elsewhere("http://nowhere.invalid/x")
    async with ground.console() as room:
        seen = screen(room)
        forward = await room.engine.act(room.intent(Verb.PROMOTE))
        await room.engine.act(room.intent(Verb.ROLLBACK))
        await room.until(lambda state: not state.local.running)
        back = screen(room)
    lost = list(ground.lost(decisions=[Verb.ROLLBACK]))
    return Row("DNS failure", f"{seen} | {forward.line} | {back}", tuple(lost))


CASES: Mapping[str, Case] = {
    "refuse": _refused,
    "hang": partial(_unknown, mode=Mode.HANG, name="hang", done=False),
    "drip": partial(_unknown, mode=Mode.DRIP, name="drip (a byte each 0.1 s)", done=True),
    "500": partial(_unknown, mode=Mode.BROKEN, name="500, although it was done", done=True),
    "reset": partial(_unknown, mode=Mode.RESET, name="reset after send", done=True),
    "wrong JSON": partial(_unknown, mode=Mode.GARBAGE, name="wrong JSON", done=True),
}
