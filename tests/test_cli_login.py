"""Logging in before the screen: by a real plugin program, once; one that fails is told and stops nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.kube import login as kept
from console.cli.login import log_in, may_need_login
from console.plan.loader import parse

PLAN = """\
warroom: 1
rollout: one
backends: {{cluster: {{adapter: argo-rollouts, kubeconfig: "{config}", context: prod}}}}
targets: {{api: {{backend: cluster, name: web}}}}
stages: {{from: api}}
"""


@pytest.fixture(autouse=True)
def _nobody_logged_in() -> Iterator[None]:
    kept._logged_in.clear()
    yield
    kept._logged_in.clear()


def plan_with(folder: Path, script: str) -> str:
    """A plan whose cluster wants the login plugin `script`."""
    program = folder / "login"
    program.write_text(f"#!{sys.executable}\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(program)}}
    content = {
        "clusters": [{"name": "prod", "cluster": {"server": "https://kube.test"}}],
        "users": [{"name": "prod", "user": user}],
        "contexts": [{"name": "prod", "context": {"cluster": "prod", "user": "prod"}}],
    }
    config = folder / "config"
    config.write_text(json.dumps(content), encoding="utf-8")
    return PLAN.format(config=config)


def gives(token: str, ran: Path) -> str:
    answer = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": token}}
    return f"open({str(ran)!r}, 'a').write('x')\nprint({json.dumps(json.dumps(answer))})"


def test_a_plugin_is_run_once_before_the_screen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = parse(plan_with(tmp_path, gives("t", tmp_path / "ran")), "plan.yaml")
    log_in(plan)
    log_in(plan)
    assert (tmp_path / "ran").read_text() == "x"
    assert [entry.credentials.authorization for entry in kept._logged_in.values()] == ["Bearer t"]
    assert capsys.readouterr().err == ""


def test_a_plugin_that_fails_is_one_line_and_stops_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log_in(parse(plan_with(tmp_path, "raise SystemExit('no session')"), "plan.yaml"))
    assert capsys.readouterr().err == "warroom: cluster: login plugin login failed (exit 1): no session\n"


def test_a_verb_that_goes_safer_does_not_wait_for_a_plugin_that_hangs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log_in(parse(plan_with(tmp_path, "import time; time.sleep(600)"), "plan.yaml"), within_s=0.5)
    assert capsys.readouterr().err == "warroom: cluster: no login within 0.5 s; continuing without it\n"


def test_only_plans_that_name_a_cluster_are_read_before_the_screen(tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text(PLAN, encoding="utf-8")
    assert may_need_login(file)
    file.write_text("backends: {edge: {adapter: haproxy}}", encoding="utf-8")
    assert not may_need_login(file)
    assert not may_need_login(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("asked", "told"), [("prod", None), ("staging", "--context staging is not the plan's context prod")]
)
def test_a_context_that_is_asked_for_is_never_another_than_the_plans(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], asked: str, told: str | None
) -> None:
    monkeypatch.setenv("WARROOM_KUBE_CONTEXT", asked)
    log_in(parse(plan_with(tmp_path, gives("t", tmp_path / "ran")), "plan.yaml"))
    assert capsys.readouterr().err == ("" if told is None else f"warroom: cluster: {told}\n")
