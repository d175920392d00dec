"""A planted secret, a server that echoes it in every form, and all that a console leaves behind searched for it."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from adapters.testing import Request, Server, answer, serving
from tests.terminal import WARROOM, Terminal, terminal

CANARY = "c4nary-t0ken/with+odd=chars-7f3a9"
PASSWORD = "c4nary-passw0rd-51d2"
FORMS = tuple(
    form
    for secret in (CANARY, PASSWORD)
    for form in (
        secret,
        quote(secret, safe=""),
        json.dumps(secret)[1:-1].replace("/", "\\/"),
        secret.encode().hex(),
        base64.b64encode(secret.encode()).decode().rstrip("="),
        base64.b64encode(b"r " + secret.encode()).decode()[4:-4],
        base64.b64encode(b" " + secret.encode()).decode()[4:-4],
    )
)
"""What a search has to find none of: the secrets in every form, at each place in base64."""

PLAN = """\
warroom: 1
rollout: kept
timing: {poll: 200ms, tick: 1s, read_deadline: 2s, write_deadline: 1s}
backends:
  flags: {adapter: unleash, url: "URL", environment: production, token: {env: WARROOM_TEST_TOKEN}}
  prom: {adapter: prometheus, url: "URL", basic: {user: ops, password: {file: FILE}}}
  edge: {adapter: embedded, latency: 0}
targets:
  flag: {backend: flags, name: f1}
  api: {backend: edge, kind: deploy}
metrics:
  errors:
    {backend: prom, bad: bad, total: total, role: guard, arms: {label: v, canary: c, baseline: b}}
stages: [{name: ten, set: {api: 10, flag: 10}}]
rollback: [{id: off, set: {flag: off}}, {id: api, set: {api: 0}}]
"""


async def echo(request: Request, writer: asyncio.StreamWriter) -> None:
    """Say the credentials back in every form there is, as an error, in headers and body."""
    header = request.headers.get("authorization", "")
    credentials = header.partition(" ")[2]
    known = [header, credentials, CANARY, PASSWORD, f"Authorization: {header}\r\n"]
    forms = [*known, *(base64.b64encode(each.encode()).decode() for each in known), *(quote(each) for each in known)]
    forms += [each.encode().hex() for each in known]
    words = " ".join(forms[len(request.path) % 5 :: 5] or forms)
    body = json.dumps({"name": "NoAccessError", "message": words, "error": words, "details": [{"message": words}]})
    writer.write(answer(403, body.encode(), headers=f"X-Echo: {credentials}\r\nLocation: http://x/{credentials}\r\n"))
    await writer.drain()


@asynccontextmanager
async def room(tmp_path: Path) -> AsyncIterator[tuple[Server, list[str], dict[str, str]]]:
    """A plan on the echoing server: (server, arguments after a verb, environment)."""
    async with serving(echo) as server:
        file = tmp_path / "password"
        file.write_text(PASSWORD + "\n", encoding="utf-8")
        plan = tmp_path / "plan.yaml"
        plan.write_text(PLAN.replace("URL", server.url).replace("FILE", str(file)), encoding="utf-8")
        (tmp_path / "left").mkdir()
        arguments = [str(plan), "--journal", str(tmp_path / "left" / "journal.db")]
        yield server, arguments, {"WARROOM_TEST_TOKEN": CANARY}


async def said(environment: dict[str, str], *arguments: str) -> bytes:
    """Everything a command says."""
    process = await asyncio.create_subprocess_exec(
        *WARROOM,
        *arguments,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, **environment},
    )
    words, _ = await process.communicate()
    return words


def found(where: str, data: bytes) -> list[str]:
    text = data.decode("utf-8", "replace")
    return [f"{where}: {form}" for form in FORMS if form in text]


def found_in_files(folder: Path) -> list[str]:
    return [hit for path in folder.rglob("*") if path.is_file() for hit in found(path.name, path.read_bytes())]


async def test_no_secret_is_left_anywhere_by_headless_verbs(tmp_path: Path) -> None:
    async with room(tmp_path) as (server, arguments, environment):
        hits: list[str] = []
        for verb, more in (
            ("check", ()),
            ("promote", ("--override", "--reason", "try")),
            ("status", ()),
            ("status", ("--json",)),
            ("halt", ()),
            ("rollback", ("--dry-run",)),
            ("rollback", ()),
            ("note", ("--reason", "hello")),
        ):
            plan = arguments[:1] if verb == "check" else arguments
            hits += found(verb, await said(environment, verb, *plan, *more))
        hits += found("log", await said(environment, "log", "--json", *arguments[1:]))
        assert len(server.requests) > 10
        assert [request for request in server.requests if request.headers.get("authorization", "").endswith(CANARY)]
        assert hits + found_in_files(tmp_path / "left") == []


async def test_no_secret_is_on_the_screen_nor_in_the_process_list(tmp_path: Path) -> None:
    async with room(tmp_path) as (server, arguments, environment):
        async with terminal([*WARROOM, "run", *arguments], environment=environment) as seat:
            await seat.until("answered 403")
            listed = _command_line(seat)
            await seat.press("?")
            await seat.until("esc closes")
            await seat.press_until_gone("escape", "esc closes")
            await seat.press("r")
            await seat.until("enter rolls back")
            await seat.press_until_gone("enter", "enter rolls back")
            await seat.until("REFUSED")
            shown = bytes(seat.raw)
            seat.process.terminate()
            await seat.ended()
        assert any("authorization" in request.headers for request in server.requests)
        assert b"***" in shown
        assert found("screen", shown) + found("process list", listed) + found_in_files(tmp_path / "left") == []


def _command_line(seat: Terminal) -> bytes:
    return Path(f"/proc/{seat.process.pid}/cmdline").read_bytes()


CRASH = """
import asyncio, sys
from adapters.contract import Context
from adapters.flags.unleash import Options, connect
from console.engine.clock import SystemClock
from pathlib import Path

said = {"url": "http://127.0.0.1:9", "environment": "p", "token": {"env": "WARROOM_TEST_TOKEN"}}
options = Options.model_validate(said)
backend = connect(options, Context("flags", "r", SystemClock(), 1.0, 1.0, Path("/nonexistent")))
print(repr(options), repr(backend), vars(backend).keys())
raise RuntimeError(f"a bug that shows what it holds: {options!r} {backend!r} {backend.transport!r}")
"""


def test_no_secret_is_in_a_traceback_that_shows_every_object_it_has() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", CRASH],
        capture_output=True,
        check=False,
        env={**os.environ, "WARROOM_TEST_TOKEN": CANARY},
    )
    assert b"a bug that shows what it holds" in done.stderr
    assert found("traceback", done.stdout + done.stderr) == []


@pytest.mark.parametrize("form", FORMS)
def test_the_search_finds_what_it_looks_for(form: str) -> None:
    assert found("here", f"x{form}x".encode()) != []
