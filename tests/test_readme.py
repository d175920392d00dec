"""The README is held to its claims: commands, keys, exit codes, plan, verbs, adapters, figures, picture.

`.ci/demo` runs the first commands in a clean clone; here the demo is started from this tree.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from adapters.registry import BUILT_IN
from console.cli.commands import COMMANDS, DECIDING, MOMENTS, main
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


def test_the_adapters_are_the_built_in_ones() -> None:
    assert sorted(row[1].strip("`") for row in _rows("kind")) == sorted(BUILT_IN)


def test_every_command_in_it_is_on_the_help_page() -> None:
    known = COMMANDS.replace(",", " ").split()
    named = set(re.findall(r"`warroom ([a-z]+)", README))
    assert len(named) > 10
    assert sorted(named - set(known)) == []


def test_the_log_file_is_named_as_its_option_and_its_variable_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    helped = " ".join(capsys.readouterr().out.split())
    named = re.findall(r"`(--log-\w+) FILE` \(or `(\w+)`\)", README)
    assert named
    assert all(word in helped for pair in named for word in pair)


def test_every_figure_stands_on_the_page_that_it_is_from() -> None:
    """The figures that no page holds were taken on two shared cores, and say so."""
    wrong = []
    for measured, result, where in _rows("measured"):
        source = re.search(r"\]\(([^)]+)\)", where)
        if source is None:
            assert where == "two shared cores"
            continue
        text = (ROOT / source[1]).read_text(encoding="utf-8")
        wrong += [f"{measured}: {figure}" for figure in re.findall(r"\d[\d.,]*\d", result) if figure not in text]
    assert wrong == []


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
