"""One net for bugs of adapters: the others, a rollback and the screen go on, and the line is shown."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from adapters.contract import BackendError, Outcome, Rejected
from console.engine.adapter_bugs import AdapterBug, AdapterBugNet
from console.events.evidence import Verb
from console.logs.context import traceback_hint
from console.state.values import Mode
from tests.engine_rig import ONE, TWO, war_room
from tests.scripted_adapter import ScriptedBackend

ROOT = Path(__file__).parent.parent


def test_a_bug_becomes_an_error_of_the_contract_whose_outcome_is_unknown() -> None:
    with pytest.raises(BackendError) as caught, AdapterBugNet().catching("edge", "set"):
        raise KeyError("we\x1b]52;ight")
    assert isinstance(caught.value, AdapterBug)
    assert (caught.value.source, caught.value.verb, caught.value.outcome) == ("edge", "set", Outcome.UNKNOWN)
    assert caught.value.reason.startswith("internal error: KeyError: ") and "\x1b" not in caught.value.reason
    assert isinstance(caught.value.__cause__, KeyError)


@pytest.mark.parametrize("error", [Rejected("edge", "set", "no"), TimeoutError()])
def test_errors_of_the_contract_pass(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, AdapterBugNet().catching("edge", "set"):
        raise error
    assert caught.value is error


def test_a_bug_is_logged_with_its_traceback_once(caplog: pytest.LogCaptureFixture) -> None:
    net = AdapterBugNet()
    for _ in range(3):
        with pytest.raises(AdapterBug), net.catching("edge", "capabilities"):
            raise KeyError("weight")
    assert [record.exc_info is not None for record in caplog.records] == [True]


async def test_a_rollback_goes_on_with_its_other_steps_past_an_adapters_bugs(tmp_path: Path) -> None:
    async with war_room(tmp_path, TWO) as room:
        console = await room.console()
        await console.promoted(1)
        room.world.writes.clear()

        async def bug(target: str) -> None:
            if target == "page":
                raise AttributeError("set_wieght")

        room.world.before_write = bug
        await console.act(Verb.ROLLBACK)
        await console.until(lambda _state: "api 0 %" in room.world.writes)
        requests = console.state.requests.values()
        assert [request.reason for request in requests if request.target == "page" and request.outcome is not None][
            -1
        ] == f"internal error: AttributeError: set_wieght; {traceback_hint()}"


async def test_a_bug_in_what_an_adapter_can_do_keeps_no_halt_and_no_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        await console.promoted(1)

        def bug(*_more: object) -> None:
            raise ZeroDivisionError("of an adapter")

        monkeypatch.setattr(ScriptedBackend, "capabilities", bug)
        monkeypatch.setattr(ScriptedBackend, "calls", bug)
        assert (await console.act(Verb.HALT)).line == "halted"
        calls = console.state.local.previews["rollback"].calls
        assert [call.text.split(";")[0] for call in calls] == [
            "api -> 0 % (internal error: ZeroDivisionError: of an adapter"
        ]
        await console.act(Verb.ROLLBACK)
        await console.until(lambda state: state.mode is Mode.ROLLED_BACK)


def test_broad_excepts_are_few_and_each_says_why() -> None:
    found = []
    for package in ("console", "widgets", "adapters"):
        for path in sorted((ROOT / package).rglob("*.py")):
            lines = path.read_text(encoding="utf-8").splitlines()
            for node in ast.walk(ast.parse("\n".join(lines))):
                if isinstance(node, ast.ExceptHandler) and _is_broad(node.type):
                    found.append((path.relative_to(ROOT), node.lineno, lines[node.lineno - 1]))
    assert len(found) <= 12, found
    assert [(path, number) for path, number, line in found if "#" not in line] == []


def _is_broad(kind: ast.expr | None) -> bool:
    names = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(name is None or (isinstance(name, ast.Name) and name.id in _BROAD) for name in names)


_BROAD = ("Exception", "BaseException")
