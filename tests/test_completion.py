"""Shell completion: made from the parser, so it knows every command; read by the real shells where they are there."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from console.cli import main
from console.cli.commands import DECIDING, SHELLS


def script(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["completion", shell]) == 0
    return capsys.readouterr().out


def needs(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")


def bash(text: str, *words: str) -> list[str]:
    """What bash offers after `warroom` and these words, the last of which is being typed."""
    typed = " ".join(f"'{word}'" for word in ("warroom", *words))
    asked = f'COMP_WORDS=({typed}); COMP_CWORD={len(words)}; _warroom; printf "%s\\n" "${{COMPREPLY[@]}}"'
    run = subprocess.run(["bash", "-c", f"{text}\n{asked}"], capture_output=True, text=True, check=True, cwd="/")
    return run.stdout.split()


@pytest.mark.parametrize("shell", SHELLS)
def test_every_verb_is_in_it(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = script(shell, capsys)
    assert all(verb in text for verb in (*DECIDING, "run", "watch", "wait", "completion"))


@pytest.mark.parametrize("shell", SHELLS)
def test_the_shell_itself_can_read_it(shell: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    needs(shell)
    file = tmp_path / "completion"
    file.write_text(script(shell, capsys), encoding="utf-8")
    run = subprocess.run([shell, "-n", str(file)], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("pro",), ["promote"]),
        (("wa",), ["watch", "wait"]),
        (("wait", "plan", "--until", "h"), ["healthy", "halted"]),
        (("offer", "plan", "--t"), ["--to"]),
        (("log", "ver"), ["verify"]),
        (("completion", "z"), ["zsh"]),
        (("demo", "--scenario", "slow"), ["slow_burn"]),
    ],
)
def test_bash_offers_what_fits(words: tuple[str, ...], offered: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    needs("bash")
    assert bash(script("bash", capsys), *words) == offered


def test_fish_offers_what_fits(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    needs("fish")
    file = tmp_path / "warroom.fish"
    file.write_text(script("fish", capsys), encoding="utf-8")
    asked = f"source {file}; complete -C 'warroom wait plan --until h'"
    run = subprocess.run(["fish", "-c", asked], capture_output=True, text=True, check=True, cwd="/")
    assert [line.split("\t")[0] for line in run.stdout.splitlines()] == ["halted", "healthy"]
