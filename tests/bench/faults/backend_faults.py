"""Faults of the backend and of the network: how each call is settled, and what the next read finds."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any

from console.events.evidence import Verb
from tests.bench.faults.fake_backend import ReplyMode
from tests.bench.faults.fixture import FaultResult, Fixture, advice_line, wait_until_settled

Case = Callable[[Fixture], Coroutine[Any, Any, FaultResult]]


async def _refused(fixture: Fixture) -> FaultResult:
    """403: nothing is done; the next key tries again."""
    async with fixture.console() as console:
        fixture.misbehave(ReplyMode.REFUSE)
        answer = await console.engine.act(console.intent(Verb.PROMOTE))
        fixture.misbehave(ReplyMode.FINE)
        await console.until(lambda state: not state.in_flight)
        seen = advice_line(console)
        await console.engine.act(console.intent(Verb.PROMOTE))
        await console.until(lambda state: state.reached == 1)
    lost = fixture.losses(calls=[10, 10], decisions=[Verb.PROMOTE, Verb.PROMOTE])
    return FaultResult("refuse (403)", f"{answer.line} | {seen}", tuple(lost))


async def _unknown(fixture: Fixture, mode: ReplyMode, name: str, *, done: bool) -> FaultResult:
    """No complete answer: the call is in doubt and nothing goes forward until a read settles it.

    Args:
        done: whether the backend carried the call out.
    """
    async with fixture.console() as console:
        fixture.misbehave(mode)
        answer = await console.engine.act(console.intent(Verb.PROMOTE))
        fixture.misbehave(ReplyMode.FINE)
        in_doubt = advice_line(console)
        early = await console.engine.act(console.intent(Verb.PROMOTE))
        await wait_until_settled(console)
        if not done:
            await console.until(lambda state: state.next is not None and state.next.trouble)
            await console.engine.act(console.intent(Verb.PROMOTE))
        await console.until(lambda state: (state.reached or 0) >= 1)
        pressed = 1 + (early.result == "accepted") + (not done)
    second = [100] if early.result == "accepted" else []  # a read was quicker than the second key
    lost = list(fixture.losses(calls=[10, *second] if done else [10, 10], decisions=[Verb.PROMOTE] * pressed))
    if early.result == "accepted" and not done:
        lost.append("something went forward while it was in doubt")
    return FaultResult(name, f"{answer.line} | {in_doubt}", tuple(lost))


async def unresolvable_host(fixture: Fixture) -> FaultResult:
    """DNS failure: nothing is read, nothing goes forward, a rollback leaves the step to a person."""
    fixture.set_backend_url("http://nowhere.invalid/x")
    async with fixture.console() as console:
        seen = advice_line(console)
        forward = await console.engine.act(console.intent(Verb.PROMOTE))
        await console.engine.act(console.intent(Verb.ROLLBACK))
        await console.until(lambda state: not state.local.running)
        back = advice_line(console)
    lost = list(fixture.losses(decisions=[Verb.ROLLBACK]))
    return FaultResult("DNS failure", f"{seen} | {forward.line} | {back}", tuple(lost))


CASES: Mapping[str, Case] = {
    "refuse": _refused,
    "hang": partial(_unknown, mode=ReplyMode.HANG, name="hang", done=False),
    "drip": partial(_unknown, mode=ReplyMode.DRIP, name="drip (a byte each 0.1 s)", done=True),
    "500": partial(_unknown, mode=ReplyMode.BROKEN, name="500, although it was done", done=True),
    "reset": partial(_unknown, mode=ReplyMode.RESET, name="reset after send", done=True),
    "wrong JSON": partial(_unknown, mode=ReplyMode.GARBAGE, name="wrong JSON", done=True),
}
