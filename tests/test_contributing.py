"""CONTRIBUTING.md is held to the tree: its commands run or are those of `.ci/run`, and its files and names exist."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.markdown import ROOT, blocks, mentions, missing, page

PAGE = page("CONTRIBUTING.md")
COMMANDS = [line for block in blocks(PAGE, "sh") for line in block.splitlines()]
CI = page(".ci/run")
README = page("README.md")


def test_every_file_and_name_in_it_exists() -> None:
    assert len(mentions(PAGE)) > 20
    assert missing(PAGE) == []


def test_the_set_up_is_the_one_of_the_readme_and_of_ci() -> None:
    set_up = COMMANDS[0]
    assert set_up in README
    assert set_up in CI


@pytest.mark.parametrize("tool", ["ruff format", "ruff check", "mypy", "lint-imports"])
def test_the_linters_are_those_of_ci(tool: str) -> None:
    assert f".venv/bin/{tool}" in COMMANDS
    assert f".venv/bin/{tool}" in CI


def test_every_command_is_a_program_that_exists() -> None:
    programs = [shlex.split(command)[0] for command in COMMANDS]
    own = [program for program in programs if program.startswith(".ci/")]
    installed = [program.removeprefix(".venv/bin/") for program in programs if program.startswith(".venv/bin/")]
    assert [program for program in own if not (ROOT / program).is_file()] == []
    assert [program for program in installed if not (Path(sys.executable).parent / program).exists()] == []
    assert len(own) + len(installed) == len(programs) - 1  # the other one is python3 of the set up


def test_the_command_for_one_test_runs_some_tests() -> None:
    command = next(line for line in COMMANDS if "pytest tests/" in line)
    words = [sys.executable, *shlex.split(command)[1:], "-p", "no:cacheprovider"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
