"""The adapter package of docs/adapters.md: built, type-checked, run through the contract suite, and driven."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "adapters.md"
MODULE = "acme_warroom.py"
FILES = ["pyproject.toml", MODULE, "test_acme_warroom.py", "plan.yaml"]
WARROOM = "import sys; from console.cli import main; sys.exit(main())"


class Router(ThreadingHTTPServer):
    """The API of the page: one route, and its weight."""

    weight = 0
    puts = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Router

    def do_GET(self) -> None:
        body = json.dumps({"weight": self.server.weight, "revision": "7"}).encode()
        self.send_response(200 if self.path == "/eu/routes/web" else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self) -> None:
        self.server.weight = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["weight"]
        self.server.puts += 1
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on stderr."""


@contextmanager
def routing() -> Iterator[Router]:
    with Router(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class Project:
    """The page's files in a folder, and its package where pip put it."""

    def __init__(self, folder: Path) -> None:
        self.source, self.site, self.ops = (folder / name for name in ("source", "site", "ops"))
        block = re.compile(r"^`(\S+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
        found = block.findall(PAGE.read_text(encoding="utf-8"))
        assert [name for name, _ in found] == FILES
        self.source.mkdir()
        self.ops.mkdir()
        for name, text in found:
            ((self.ops if name == "plan.yaml" else self.source) / name).write_text(text, encoding="utf-8")

    def python(self, *arguments: str, cwd: Path | None = None, code: int = 0) -> str:
        """Run Python with the installed package, in its source by default; what it printed."""
        paths = os.pathsep.join([str(self.site), *(path for path in sys.path if path)])
        alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONWARNINGS": "error", "PYTHONDONTWRITEBYTECODE": "1"}
        env = {**os.environ, **alone, "PYTHONPATH": paths, "ACME_TOKEN": "t0ken"}
        run = subprocess.run(
            [sys.executable, *arguments], cwd=cwd or self.source, env=env, capture_output=True, text=True, check=False
        )
        assert run.returncode == code, run.stdout + run.stderr
        return run.stdout + run.stderr

    def warroom(self, *arguments: str, code: int = 0) -> str:
        return self.python("-c", WARROOM, *arguments, cwd=self.ops, code=code)

    def point(self, url: str) -> None:
        """Make the plan name the server at `url`."""
        plan = self.ops / "plan.yaml"
        plan.write_text(plan.read_text(encoding="utf-8").replace("http://127.0.0.1:8080", url), encoding="utf-8")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = Project(tmp_path_factory.mktemp("acme"))
    install = [
        "install",
        "--quiet",
        "--no-index",
        "--no-deps",
        "--no-build-isolation",
        "--no-compile",
        "--target",
        str(made.site),
        ".",
    ]
    made.python("-W", "default", "-m", "pip", "--disable-pip-version-check", *install)
    return made


def test_it_is_found_and_its_options_are_listed(project: Project) -> None:
    lines = project.warroom("adapters").splitlines()
    at = lines.index("acme: deploy; acme-warroom 1.0 (acme_warroom:ADAPTER)")
    assert '    region: str, default "eu"  Region whose routes are driven.' in lines[at:]


def test_a_check_passes_and_names_what_is_misspelled(project: Project) -> None:
    assert "ok (checkout: 2 stages, 1 target, 0 metrics)" in project.warroom("check", "plan.yaml")
    module = project.site / MODULE
    whole = module.read_text(encoding="utf-8")
    try:
        module.write_text(whole.replace("def set_weight", "def set_wieght"), encoding="utf-8")
        line = "warroom: adapter acme: set_weight is missing (did you mean set_wieght?)\n"
        assert project.warroom("check", "plan.yaml", code=2) == line
    finally:
        module.write_text(whole, encoding="utf-8")


def test_a_promote_sets_its_weight_and_a_rollback_takes_it_back(project: Project) -> None:
    with routing() as router:
        project.point(router.url)
        assert "five confirmed: stage 1" in project.warroom("promote", "plan.yaml", "--journal", "j.db")
        assert (router.weight, router.puts) == (5, 1)
        project.warroom("rollback", "plan.yaml", "--journal", "j.db", "--confirm", "rollback")
        assert (router.weight, router.puts) == (0, 2)


@pytest.mark.slow
def test_it_passes_the_contract_suite(project: Project) -> None:
    said = project.python("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_acme_warroom.py")
    assert re.search(r"^\d{2} passed in", said, re.MULTILINE), said


@pytest.mark.slow
def test_it_passes_strict_type_checks(project: Project) -> None:
    said = project.python("-m", "mypy", "--strict", MODULE, "test_acme_warroom.py")
    assert "Success: no issues found in 2 source files" in said
