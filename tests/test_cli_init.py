"""`warroom init` at a shell: what it writes, what it says, what it refuses, and how it exits."""

from __future__ import annotations

from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from console.cli import main
from console.plan.loader import load
from console.plan.nouns import Plan
from tests.manifests_rig import MANIFESTS, rollout

Capture = pytest.CaptureFixture[str]
FILES = [str(MANIFESTS / name) for name in ("rollout.yaml", "templates.yaml")]


def test_without_manifests_it_writes_a_plan_that_checks_and_runs_as_it_stands(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init"]) == 0
    assert capsys.readouterr().out == "plan.yaml: written; warroom run plan.yaml opens it\n"
    plan: Plan = load(tmp_path / "plan.yaml")
    assert {spec.adapter for spec in plan.backends.values()} == {"embedded"}
    assert "warroom check plan.yaml" in plan.text
    assert main(["check", "plan.yaml"]) == 0
    assert "warning" not in capsys.readouterr().out


def test_with_manifests_it_writes_their_plan_and_says_what_is_in_it(tmp_path: Path, capsys: Capture) -> None:
    written = tmp_path / "checkout.yaml"
    assert main(["init", "--from", *FILES, "-o", str(written)]) == 0
    out = capsys.readouterr().out
    assert out == (
        "warning: backends.cluster: no context: each operator's current context selects the cluster\n"
        f"{written}: checkout: 4 stages, 9 metrics; not in it, and named at its top: 2 parts, "
        "1 of which can stop the rollout there\n"
    )
    assert list(load(written).metrics)[:2] == ["success-rate", "apdex"]


def test_on_standard_output_stands_the_plan_alone(capsys: Capture) -> None:
    assert main(["init", "--from", *FILES, "-o", "-"]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("# Written by `warroom init --from ")
    assert "checkout: 4 stages" not in said.out
    assert "checkout: 4 stages" in said.err


def test_from_standard_input_as_kubectl_writes_it(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    text = rollout("{canary: {steps: [{setWeight: 5}, {pause: {}}]}}")
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(text.encode())))
    assert main(["init", "--from", "-", "-o", "-"]) == 0
    said = capsys.readouterr()
    assert "rollout: web" in said.out
    assert "warning: NO METRICS" in said.err


@pytest.mark.parametrize("sources", [[], ["--from", *FILES]])
def test_what_is_there_is_never_overwritten(tmp_path: Path, capsys: Capture, sources: list[str]) -> None:
    there = tmp_path / "plan.yaml"
    there.write_text("mine")
    assert main(["init", *sources, "-o", str(there)]) == 2
    assert capsys.readouterr().err == (
        f"warroom: {there} exists already and was not changed: give another name with -o\n"
    )
    assert there.read_text() == "mine"


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path, capsys: Capture) -> None:
    assert main(["init", "-o", str(tmp_path / "no" / "plan.yaml")]) == 2
    assert capsys.readouterr().err.endswith("plan.yaml cannot be written: No such file or directory\n")


def test_files_that_cannot_be_used_are_a_line_each_and_nothing_is_written(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "bad.yaml").write_text("a: 'b")
    plan = tmp_path / "plan.yaml"
    assert main(["init", "--from", str(tmp_path / "bad.yaml"), str(tmp_path / "gone.yaml"), "-o", str(plan)]) == 2
    assert capsys.readouterr().err == (
        f"{tmp_path}/bad.yaml:1: a quote is opened and never closed\n"
        f"{tmp_path}/gone.yaml:1: cannot be read: No such file or directory\n"
    )
    assert not plan.exists()


def test_several_rollouts_ask_for_a_name(tmp_path: Path, capsys: Capture) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(rollout("{canary: {}}", name=name))
    assert main(["init", "--from", str(tmp_path), "-o", "-"]) == 2
    assert capsys.readouterr().err == (
        "warroom: there are Rollout/a, Rollout/b: name one with --only; a plan is for one of them\n"
    )
    assert main(["init", "--from", str(tmp_path), "--only", "b", "-o", "-"]) == 0
    assert "rollout: b" in capsys.readouterr().out


def test_options_of_manifests_without_manifests_are_refused(capsys: Capture) -> None:
    assert main(["init", "--only", "web"]) == 2
    assert "--provider need --from FILE" in capsys.readouterr().err


def test_a_plan_that_does_not_check_is_not_written_and_is_called_a_fault_of_ours(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.manifests.writer.plan_text", lambda _draft, _asked: "warroom: 1\nrollout: x\n")
    plan = tmp_path / "plan.yaml"
    assert main(["init", "--from", *FILES, "-o", str(plan)]) == 1
    said = capsys.readouterr().err
    assert said.startswith("warroom: a fault of init: the plan that it made has errors and is not written\n")
    assert not plan.exists()
