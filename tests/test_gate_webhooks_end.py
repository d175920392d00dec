"""Questions that come as a console ends: answered if that was begun, else no, and nothing goes on after it.

Real engines and the real Flagger adapter, over a FAKE cluster and a FAKE controller.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from console.engine import gate_webhooks
from console.events.evidence import Verb
from tests.gate_rig import QUESTION, site


@asynccontextmanager
async def nothing_left_behind() -> AsyncIterator[None]:
    """Fails where a task ended in an error that nobody has asked for."""
    loop, left = asyncio.get_running_loop(), []
    before = loop.get_exception_handler()
    loop.set_exception_handler(lambda _loop, context: left.append(context))
    try:
        yield
        await asyncio.sleep(0)
        gc.collect()
        assert left == []
    finally:
        loop.set_exception_handler(before)


async def test_a_question_that_is_asked_as_the_console_ends_is_no_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with site(tmp_path) as there, nothing_left_behind():
        console = await there.opened()
        await there.released(console)
        await console.act(Verb.PROMOTE)
        looking, on = asyncio.Event(), asyncio.Event()
        look = console.engine.pollers.read_now

        async def slow(target: Any, within_s: float) -> bool:
            looking.set()
            await on.wait()
            return await look(target, within_s)

        monkeypatch.setattr(gate_webhooks, "CLOSING_S", 0.05)
        monkeypatch.setattr(console.engine.pollers, "read_now", slow)
        under_way = asyncio.create_task(console.engine.gate_responder.answer("confirm-rollout", QUESTION, None))
        await looking.wait()
        await console.close()
        on.set()
        assert (await under_way).code == 403
        said = await console.engine.gate_responder.answer("confirm-rollout", QUESTION, None)
        assert (said.code, said.text) == (403, "not now: this console ends")


async def test_an_answer_that_was_begun_is_given_before_the_console_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with site(tmp_path) as there, nothing_left_behind():
        console = await there.opened()
        await there.released(console)
        await console.act(Verb.PROMOTE)
        looking = asyncio.Event()
        look = console.engine.pollers.read_now

        async def seen(target: Any, within_s: float) -> bool:
            looking.set()
            return await look(target, within_s)

        monkeypatch.setattr(console.engine.pollers, "read_now", seen)
        under_way = asyncio.create_task(console.engine.gate_responder.answer("confirm-rollout", QUESTION, None))
        await looking.wait()
        await console.close()
        assert (await under_way).code == 200


async def test_whoever_hangs_up_is_not_answered_to_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with site(tmp_path) as there:
        console = await there.opened()
        await there.released(console)
        await console.act(Verb.PROMOTE)
        looking, cut = asyncio.Event(), asyncio.Event()

        async def stuck(target: Any, within_s: float) -> bool:
            looking.set()
            try:
                return await asyncio.Event().wait()
            finally:
                cut.set()

        monkeypatch.setattr(console.engine.pollers, "read_now", stuck)
        under_way = asyncio.create_task(console.engine.gate_responder.answer("confirm-rollout", QUESTION, None))
        await looking.wait()
        under_way.cancel()
        await asyncio.wait_for(cut.wait(), 10)
