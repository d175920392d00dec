"""The README is held to what it says: commands, keys, exit codes, plan, verbs, picture.

The first commands are run as they stand by `.ci/demo`, in a clean clone; here their last word is started for real.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from console.cli.commands import DECIDING, MOMENTS, main
from console.cli.exits import Exit
from console.plan.loader import parse
from tests.terminal import WARROOM, terminal
from widgets.keys import KEYS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def _rows(head: str) -> list[list[str]]:
    """The cells of the table whose first header cell is `head`."""
    table = README.split(f"| {head} |", 1)[1].split("\n\n", 1)[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def test_there_are_two_blocks_one_that_runs_the_demo_and_one_that_runs_the_tests() -> None:
    demos, tests = (block.strip() for block in _blocks("sh"))
    assert [line.split()[0] for line in demos.splitlines()] == ["pipx", "uvx", "python3"]
    assert all(line.endswith("warroom demo") for line in demos.splitlines())
    assert tests.endswith("&& .venv/bin/python -m pytest")


def test_every_extra_is_named_and_every_named_extra_is_one() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    named = set(re.findall(r"'\.\[(\w+)\]'", README))
    assert named == set(extras)


def test_the_test_command_is_the_one_that_ci_runs() -> None:
    command = _blocks("sh")[1].strip()
    assert command in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


async def test_the_demo_shows_the_war_room_and_leaves_on_q() -> None:
    async with terminal([*WARROOM, "demo"], size=(80, 24)) as opened:
        await opened.until("0/5 start", "p promotes")
        await opened.press("q")
        assert await opened.ended() == 0


async def test_without_colour_the_screen_stays_readable() -> None:
    async with terminal([*WARROOM, "demo"], size=(80, 24), environment={"NO_COLOR": "1"}) as opened:
        await opened.until("0/5 start", "p promotes", "no data")
        assert opened.colours() == {"default"}
        await opened.press("enter")
        await opened.until("critical: decides")
        assert opened.colours() == {"default"}


def test_every_key_of_the_readme_is_a_key_and_every_key_is_in_the_readme() -> None:
    said = set(re.findall(r"`([^`]+)`", " ".join(row[0] for row in _rows("key"))))
    caps = {key.cap for key in KEYS if key.on_line}
    assert caps <= said
    assert said <= caps | {key.cap for key in KEYS} | {"ctrl+p"}


def test_the_exit_codes_are_those_of_the_commands() -> None:
    assert [int(row[0]) for row in _rows("exit code")] == [int(code) for code in Exit]


def test_the_plan_is_one_that_check_accepts() -> None:
    plan = parse(_blocks("yaml")[0], "README.md")
    assert [stage.name for stage in plan.stages] == ["smoke", "ten", "migrate", "full"]


@pytest.mark.parametrize("verb", DECIDING)
def test_every_headless_verb_is_named(verb: str) -> None:
    line = next(part for part in README.split("`") if part.startswith("warroom promote |"))
    assert verb in line.split()


def test_the_picture_is_one_that_the_named_command_writes() -> None:
    name, command = "docs/failing.svg", re.search(r"`(warroom demo --svg [^`]+)`", README)
    assert command is not None
    assert name in command[1]
    assert "failing" in MOMENTS
    picture = (ROOT / name).read_text(encoding="utf-8")
    assert all(word in picture for word in ("FAIL", "STAGES", "ROLLBACK", "errors"))


def test_help_fits_a_screen(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 32
    assert max(map(len, lines)) <= 120
