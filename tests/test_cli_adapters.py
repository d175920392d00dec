"""`warroom adapters`: what a plan can name, where each adapter is from, and what keeps one from loading."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adapters.registry import BUILT_IN
from console.cli import main

METADATA = "Metadata-Version: 2.1\nName: acme-warroom\nVersion: 1.2\n"
POINTS = """\
[warroom.adapters]
acme = acme_warroom
acme-spec = acme_warroom:ADAPTER
broken = acme_broken
nothing = acme_warroom:Options
haproxy = acme_warroom
"""
MODULE = '''
from typing import Literal
from pathlib import Path
from pydantic import BaseModel, Field
from adapters.contract import AdapterSpec, Kind
from adapters.secret import Secret

KINDS = (Kind.DEPLOY, Kind.METRICS)

class Base(BaseModel):
    url: str
    """Address of the service. The rest is not shown."""

class Options(Base):
    key: Secret | None = None
    mode: Literal["fast", "slow"] = "fast"
    tags: list[str] = Field(default_factory=list, alias="labels", description="Labels to set.")

def connect(options, context):
    raise NotImplementedError

ADAPTER = AdapterSpec(kinds=(Kind.FLAGS,), options=Base, connect=connect)
'''


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A distribution of somebody else, as pip would have put it."""
    info = tmp_path / "acme_warroom-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(METADATA, encoding="utf-8")
    (info / "entry_points.txt").write_text(POINTS, encoding="utf-8")
    (tmp_path / "acme_warroom.py").write_text(MODULE, encoding="utf-8")
    (tmp_path / "acme_broken.py").write_text("raise RuntimeError('no \\x1b[2J licence')\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert main(["adapters", *arguments]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out.splitlines()


def test_every_built_in_adapter_is_listed_with_its_kinds_and_options(capsys: pytest.CaptureFixture[str]) -> None:
    lines = run(capsys)
    assert [line.split(":")[0] for line in lines if not line.startswith(" ")] == sorted(BUILT_IN)
    assert "prometheus: metrics; built in" in lines
    assert "    environment: str, required" in lines
    assert '    project: str, default "default"' in lines
    assert "    tls_verify: bool, default true  False: no certificate is verified" in "\n".join(lines)


def test_an_installed_one_says_which_package_it_is_from(acme: None, capsys: pytest.CaptureFixture[str]) -> None:
    lines = run(capsys)
    at = lines.index("acme: flags; acme-warroom 1.2 (acme_warroom)")
    assert lines[at + 1] == "    url: str, required  Address of the service."
    assert "acme-spec: flags; acme-warroom 1.2 (acme_warroom:ADAPTER)" in lines


def test_one_that_does_not_load_says_why(acme: None, capsys: pytest.CaptureFixture[str]) -> None:
    lines = run(capsys)
    at = lines.index("broken: does not load: adapter 'broken' failed to load: RuntimeError: no [2J licence")
    assert lines[at + 1] == "    from acme-warroom 1.2 (acme_broken)"
    assert "nothing: does not load: adapter 'nothing' is neither an AdapterSpec nor a module" in lines


def test_a_built_in_adapter_cannot_be_replaced(acme: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert "haproxy: deploy; built in" in run(capsys)


def test_three_names_are_enough(acme: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module = tmp_path / "acme_three.py"
    module.write_text(MODULE.split("ADAPTER =")[0], encoding="utf-8")
    points = next(tmp_path.glob("*.dist-info")) / "entry_points.txt"
    points.write_text("[warroom.adapters]\nacme = acme_three\n", encoding="utf-8")
    [row] = [row for line in run(capsys, "--json") if (row := json.loads(line))["name"] == "acme"]
    url = {"name": "url", "type": "str", "required": True, "default": None, "about": "Address of the service."}
    key = {"name": "key", "type": "{env: NAME} or {file: PATH}", "required": False, "default": None, "about": ""}
    mode = {"name": "mode", "type": "fast or slow", "required": False, "default": "fast", "about": ""}
    labels = {"name": "labels", "type": "list of str", "required": False, "default": None, "about": "Labels to set."}
    assert row == {
        "name": "acme",
        "package": "acme-warroom 1.2",
        "module": "acme_three",
        "kinds": ["deploy", "metrics"],
        "options": [url, key, mode, labels],
        "problem": None,
    }
