"""Flagger asks whether to go back: answered once it is decided, whatever does not answer us.

Real engines and the real Flagger adapter, over a FAKE cluster and a FAKE controller.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.contract import Outcome
from console.events.evidence import Verb
from tests.engine_rig import locked
from tests.flagger_rig import under_way
from tests.gate_rig import QUESTION, site


async def test_a_rollback_is_answered_until_it_is_taken_and_not_before_it_is_decided(tmp_path: Path) -> None:
    async with site(tmp_path) as there:
        console = await there.opened()
        await there.released(console)
        await console.act(Verb.PROMOTE)
        await there.looks(4)
        await console.until(lambda state: state.reached == 2)
        assert "rollback at 10" not in there.flagger.passed
        await console.act(Verb.ROLLBACK)
        await console.until(lambda state: any(r.setting.version == "v1" for r in state.requests.values()))
        await there.looks(2)
        assert there.flagger.passed[-1] == "rollback at 10"
        state = await console.until(lambda state: state.mode == "rolled back")
        assert state.targets["web"].drift is None


async def test_a_rollback_is_answered_though_the_journal_cannot_be_written(tmp_path: Path) -> None:
    async with site(tmp_path, status=under_way(30)) as there:
        console = await there.opened()
        await console.act(Verb.ROLLBACK)
        await console.until(lambda state: any(r.setting.version == "v1" for r in state.requests.values()))
        with locked(there.room.journal):
            await there.flagger.look()
            assert there.said[-1].code == 200


def gone(_sent: object) -> None:
    """The cluster takes no connections."""
    raise httpx.ConnectError("refused")


async def test_a_rollback_that_was_refused_for_want_of_the_cluster_is_answered_when_flagger_asks(
    tmp_path: Path,
) -> None:
    async with site(tmp_path, status=under_way(30)) as there:
        console = await there.opened()
        there.cluster.hook = gone
        await console.act(Verb.ROLLBACK)
        await console.until(lambda state: any(r.known_outcome is Outcome.REFUSED for r in state.requests.values()))
        there.cluster.hook = lambda _sent: None
        await there.flagger.look()
        assert there.flagger.passed[-1] == "rollback at 30"


async def test_a_step_that_was_skipped_is_not_taken_back(tmp_path: Path) -> None:
    async with site(tmp_path, status=under_way(30)) as there:
        console = await there.opened()
        there.cluster.hook = gone
        await console.act(Verb.ROLLBACK)
        state = await console.until(
            lambda state: any(r.known_outcome is Outcome.REFUSED for r in state.requests.values())
        )
        await console.act(Verb.SKIP, subject=state.checklist[0].step.id, reason="it stays")
        there.cluster.hook = lambda _sent: None
        await there.flagger.look()
        assert there.flagger.passed == []
        assert "not now: its step of the rollback was skipped" in {answer.text for answer in there.said}


async def test_before_it_was_begun_a_rollback_is_that_it_is_not_let_in(tmp_path: Path) -> None:
    async with site(tmp_path) as there:
        console = await there.opened()
        await there.released(console)
        await console.act(Verb.ROLLBACK)
        await there.looks(2)
        assert there.flagger.passed == []
        await console.until(lambda state: state.mode == "rolled back")


async def test_a_rollback_is_answered_though_the_cluster_does_not_answer_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with site(tmp_path, status=under_way(30)) as there:
        console = await there.opened()
        await console.act(Verb.ROLLBACK)
        await console.until(lambda state: any(r.setting.version == "v1" for r in state.requests.values()))
        looking, never = asyncio.Event(), asyncio.Event()

        async def stuck(target: Any, within_s: float) -> bool:
            looking.set()
            return await never.wait()

        monkeypatch.setattr(console.engine.pollers, "read_now", stuck)
        waiting = asyncio.create_task(console.engine.gate_responder.answer("confirm-promotion", QUESTION, None))
        await looking.wait()
        assert (await console.engine.gate_responder.answer("rollback", QUESTION, None)).code == 200
        waiting.cancel()
        await asyncio.wait({waiting})
