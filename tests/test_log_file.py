"""The log file: its lines and fields, secrets and hostile text kept out, rotation, disks that fail, tracebacks."""

from __future__ import annotations

import json
import logging
import os
import runpy
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pytest

from adapters import known_secrets
from adapters.secret import Secret
from adapters.transport.redaction import Redactor
from console.cli.exits import Exit
from console.journal.location import journal_location
from console.logs.context import bind_request, bind_rollout, report_internal_error, traceback_hint
from console.logs.file import CannotLog, LogFile, RotatedFile, start_log, stop_log
from console.logs.line import line_of
from tests.cli_rig import Shell, shell
from tests.terminal import WARROOM, terminal

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SECRET = "s3cret-of-the-adapter-77"
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("WARROOM_")}

BUG = """\
import sys
from adapters.embedded.backend import EmbeddedBackend
async def bug(self, *_):
    note = "Bearer {secret}"
    raise KeyError(note)
EmbeddedBackend.{method} = bug
from console.cli import main
sys.exit(main())
"""


@pytest.fixture
def sh(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return shell(tmp_path, capsys)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[LogFile]:
    """A log at debug level in `tmp_path`, ended with the test."""
    made = start_log(tmp_path / "w.log", logging.DEBUG)
    yield made
    stop_log(made)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def ended(log: LogFile, path: Path) -> list[dict[str, Any]]:
    """What is in the file once everything that waits is written."""
    log.close()
    return lines(path)


def one(log: LogFile, path: Path) -> dict[str, Any]:
    found = ended(log, path)
    assert len(found) == 1
    return found[0]


def record(message: str, *args: object, error: BaseException | None = None, **extra: object) -> logging.LogRecord:
    info = (type(error), error, error.__traceback__) if error is not None else None
    return logging.getLogger("warroom.test").makeRecord(
        "warroom.test", logging.INFO, "", 0, message, args, info, extra=extra
    )


def line(message: str, *args: object, error: BaseException | None = None, **extra: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(line_of(record(message, *args, error=error, **extra), {}))
    return found


def raised(error: Exception) -> Exception:
    try:
        raise error
    except Exception as caught:
        return caught


# -- lines and fields --------------------------------------------------------------------------------------------------


def test_a_line_has_time_level_logger_message_and_where_it_belongs(log: LogFile, tmp_path: Path) -> None:
    def work() -> None:
        bind_rollout("one/1")
        bind_request("r1", TRACE)
        logging.getLogger("warroom.engine").warning("%s failed", "edge", extra={"source": "edge", "duration_s": 0.5})

    copy_context().run(work)
    found = one(log, tmp_path / "w.log")
    assert found.pop("time").endswith("Z")
    assert found == {
        "level": "warning",
        "logger": "warroom.engine",
        "message": "edge failed",
        "rollout": "one/1",
        "request": "r1",
        "trace": "0af7651916cd43dd8448eb211c80319c",
        "source": "edge",
        "duration_s": 0.5,
    }


def test_a_verb_leaves_its_story_with_one_trace_over_decision_request_and_call(sh: Shell) -> None:
    path = sh.folder / "w.log"
    assert sh.run("promote", "--log-file", str(path), "--log-level", "debug") == Exit.OK
    found = lines(path)
    messages = [entry["message"] for entry in found]
    assert messages[0] == "promote started"
    assert {"version", "python", "platform", "pid"} <= found[0].keys()
    assert (messages[-1], found[-1]["exit_code"]) == ("promote ended", 0)
    assert "opened one/1" in messages
    assert "this console polls now" in messages
    events = {entry["event"]: entry for entry in found if "event" in entry}
    [write] = [entry for entry in found if entry.get("verb") == "set"]
    traces = {events[kind]["trace"] for kind in ("decision_taken", "request_made", "request_settled")}
    assert traces == {write["trace"]}
    assert write["request"] == events["request_made"]["request"] == events["request_settled"]["request"]
    assert (write["source"], write["outcome"], write["level"]) == ("edge", "answered", "info")
    reads = [entry for entry in found if entry.get("verb") == "read_target"]
    assert {entry["level"] for entry in reads} == {"debug"}
    assert all(entry["rollout"] == "one/1" for entry in found[found.index(write) :] if entry["logger"] != "warroom.cli")


def test_the_level_leaves_out_what_is_below_it(sh: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    path = sh.folder / "w.log"
    monkeypatch.setenv("WARROOM_LOG", str(path))
    monkeypatch.setenv("WARROOM_LOG_LEVEL", "error")
    sh.run("promote")
    assert path.read_text() == ""


def test_nothing_handles_records_until_it_is_asked_for(sh: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WARROOM_LOG", raising=False)
    before = list(logging.getLogger().handlers)
    sh.run("promote")
    assert [type(handler) for handler in logging.getLogger("warroom").handlers] == [logging.NullHandler]
    assert logging.getLogger().handlers == before
    sh.run("status", "--log-file", str(sh.folder / "w.log"))
    assert logging.getLogger().handlers == before
    assert traceback_hint() == "run again with --log-file PATH for the traceback"


def test_without_a_log_file_none_of_its_code_is_imported(sh: Shell) -> None:
    script = f"""
import sys
from console.cli import main
main({sh.arguments("status")!r})
print([name for name in ("console.logs.file", "console.logs.line") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=ENVIRONMENT)
    assert done.stdout.splitlines()[-1] == "[]"


# -- secrets -----------------------------------------------------------------------------------------------------------


def test_a_known_secret_is_in_no_message_no_field_and_no_traceback(
    log: LogFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN_OF_TEST", SECRET)
    Secret(env="TOKEN_OF_TEST").reveal("flags", "token")
    source = tmp_path / "adapter.py"
    source.write_text(f'raise ValueError("{SECRET}", "{SECRET.encode().hex()}")  # a line that is quoted\n')
    with pytest.raises(ValueError) as caught:
        runpy.run_path(str(source))
    error = caught.value
    logging.getLogger("warroom.test").error("echo %s", SECRET, exc_info=error, extra={"detail": f"<{SECRET}>"})
    text = json.dumps(one(log, tmp_path / "w.log"))
    assert "a line that is quoted" in text
    assert SECRET not in text
    assert SECRET.encode().hex() not in text
    assert "***" in text


def test_a_token_that_was_learned_later_is_known(log: LogFile, tmp_path: Path) -> None:
    Redactor("Bearer first-token-1234", ()).learn("Bearer second-token-5678")
    logging.getLogger("warroom.test").info("first-token-1234, second-token-5678")
    assert one(log, tmp_path / "w.log")["message"] == "***, ***"


def test_a_secret_hidden_by_control_characters_is_found(log: LogFile, tmp_path: Path) -> None:
    known_secrets.remember(SECRET)
    logging.getLogger("warroom.test").info("echo %s", "\x00".join(SECRET))
    assert one(log, tmp_path / "w.log")["message"] == "echo ***"


def test_a_backend_hides_what_it_alone_knows(log: LogFile, tmp_path: Path) -> None:
    known_secrets.remember_redactor(lambda text: text.replace("otter", "***"))
    logging.getLogger("warroom.test").info("an otter")
    assert one(log, tmp_path / "w.log")["message"] == "an ***"


def test_a_text_that_cannot_be_searched_is_not_written(log: LogFile, tmp_path: Path) -> None:
    def hide(_text: str) -> str:
        raise KeyError("a bug of the adapter")

    known_secrets.remember_redactor(hide)
    logging.getLogger("warroom.test").info("otter")
    assert one(log, tmp_path / "w.log")["message"] == "a record that cannot be shown: KeyError"


def test_the_passwords_of_a_journals_url_and_of_the_environment_are_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WARROOM_GATE_TOKEN", "gate-token-1")
    log = start_log(tmp_path / "w.log", logging.INFO)
    try:
        journal_location("postgresql://ana:hunter22@db/x")
        logging.getLogger("warroom.test").info("hunter22 and gate-token-1")
        assert one(log, tmp_path / "w.log")["message"] == "*** and ***"
    finally:
        stop_log(log)
    assert known_secrets.values() == frozenset()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET http://ana:pa/ss@host/x failed", "GET http://ana:***@host/x failed"),
        ("postgresql://ana@host/x", "postgresql://ana@host/x"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("{'authorization': b'Basic YTpi'}", "{'authorization': b'Basic ***'}"),
        ("sent Bearer abcdef-123", "sent Bearer ***"),
        ("basic authentication failed", "basic authentication failed"),
        ('{"token": "abc def", "n": 1}', '{"token": "***", "n": 1}'),
        ("url?api_key=abc&n=1", "url?api_key=***&n=1"),
        ("password = 'pw'", "password = '***'"),
        ("edge: token: environment variable X is empty", "edge: token: environment variable X is empty"),
    ],
)
def test_what_looks_like_credentials_is_hidden(text: str, shown: str) -> None:
    assert line("%s", text)["message"] == shown


# -- hostile text ------------------------------------------------------------------------------------------------------


def test_hostile_text_stays_one_clean_line() -> None:
    hostile = "\x1b]52;c;aGk=\x07a\nb\r\u202ec\u2028d\ud800e"
    error = raised(ValueError(hostile))
    raw = line_of(record("%s", hostile, error=error, **{"fi\x1beld": hostile}), {})
    assert "\n" not in raw
    found = json.loads(raw)
    assert found["message"] == "]52;c;aGk=a b c de"
    assert found["field"] == "]52;c;aGk=a b c de"
    assert not set(found["traceback"]) & set("\x1b\x07\r\u202e\u2028\ud800")


def test_long_text_is_cut_and_a_long_traceback_loses_its_middle() -> None:
    assert len(line("%s", "x" * 100_000)["message"]) == 2000
    found = line("x", error=raised(ValueError("\n".join(f"line {number}" for number in range(5000)))))["traceback"]
    assert found.startswith("Traceback")
    assert found.endswith("line 4999")
    assert "lines left out" in found
    assert len(found.splitlines()) == 301


def test_a_record_that_cannot_be_formatted_is_still_a_line() -> None:
    assert line("%d records", "many")["message"] == "a record that cannot be shown: TypeError"


# -- the file ----------------------------------------------------------------------------------------------------------


def test_the_file_is_its_owners_alone_also_after_a_rotation(tmp_path: Path) -> None:
    path = tmp_path / "w.log"
    path.write_text("{}\n")
    path.chmod(0o644)
    file = RotatedFile(path, max_bytes=100, kept=2)
    file.open()
    for number in range(10):
        file.write(json.dumps({"number": number, "pad": "x" * 40}))
    file.close()
    found = sorted(tmp_path.iterdir())
    assert [each.name for each in found] == ["w.log", "w.log.1", "w.log.2"]
    assert {each.stat().st_mode & 0o777 for each in found} == {0o600}
    assert all(each.stat().st_size <= 100 for each in found)
    assert lines(path)[-1]["number"] == 9


def test_two_writers_of_one_file_rotate_it_together(tmp_path: Path) -> None:
    path = tmp_path / "w.log"
    writers = [RotatedFile(path, max_bytes=2000, kept=50) for _ in range(2)]

    def write(number: int) -> None:
        for count in range(300):
            writers[number].write(json.dumps({"writer": number, "count": count}))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for writer in writers:
        writer.close()
    found = [(entry["writer"], entry["count"]) for file in tmp_path.iterdir() for entry in lines(file)]
    assert sorted(found) == [(number, count) for number in range(2) for count in range(300)]


def test_where_the_folder_does_not_allow_a_rotation_the_file_is_emptied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_self: Path, _target: Path) -> Path:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuse)
    file = RotatedFile(tmp_path / "w.log", max_bytes=100)
    for number in range(10):
        file.write(json.dumps({"number": number, "pad": "x" * 40}))
    file.close()
    assert [each.name for each in tmp_path.iterdir()] == ["w.log"]
    assert [entry["number"] for entry in lines(tmp_path / "w.log")] == [9]


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("gone/w.log", "its folder FOLDER/gone does not exist"),
        (".", "Is a directory"),
        ("journal.db", "it is there already, and is no log of warroom"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line(sh: Shell, path: str, complaint: str) -> None:
    sh.run("promote")
    head = sh.journal.read_bytes()[:16]
    assert sh.run("promote", "--log-file", str(sh.folder / path)) == Exit.USAGE
    full = (sh.folder / path).absolute()
    assert sh.err == f"warroom: log file {full}: {complaint.replace('FOLDER', str(sh.folder))}\n"
    assert sh.journal.read_bytes()[:16] == head
    assert sh.kinds().count("decision_taken") == 1


def test_a_rollback_goes_ahead_without_its_log(sh: Shell) -> None:
    sh.run("promote")
    assert sh.run("rollback", "--log-file", str(sh.folder / "gone" / "w.log")) == Exit.OK
    assert "does not exist" in sh.err
    assert sh.out == "rolled back\n"


@pytest.mark.parametrize(
    ("given", "level", "complaint"),
    [
        ("", "", "--log-file is empty: give a path, or leave it out"),
        ("w.log", "loud", "WARROOM_LOG_LEVEL is 'loud': give one of debug, info, warning, error"),
    ],
)
def test_senseless_options_are_one_line(
    sh: Shell, given: str, level: str, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WARROOM_LOG_LEVEL", level)
    assert sh.run("status", "--log-file", given and str(sh.folder / given)) == Exit.USAGE
    assert sh.err == f"warroom: {complaint}\n"


def test_a_full_disk_disturbs_nothing(sh: Shell) -> None:
    assert sh.run("promote", "--log-file", "/dev/full") == Exit.OK
    assert sh.err == f"warroom: opened one/1 in journal {sh.journal}: a rollback restores the current readings\n"


def test_what_a_vanished_folder_lost_is_counted_once_it_is_back(tmp_path: Path) -> None:
    folder, away = tmp_path / "logs", tmp_path / "away"
    folder.mkdir()
    file = RotatedFile(folder / "w.log")
    log = LogFile(file)
    log.begin()
    log.handle(record("before"))
    wait_for(lambda: "before" in (folder / "w.log").read_text())
    folder.rename(away)
    for number in range(3):
        log.handle(record("lost %d", number))
    wait_for(lambda: log.waiting == 0)
    time.sleep(0.1)  # the last of them was taken, and is being written
    folder.mkdir()
    log.handle(record("after"))
    found = ended(log, folder / "w.log")
    assert [entry["message"] for entry in found][1:] == ["after"]
    assert (found[0]["lost"], found[0]["level"]) == (3, "warning")


def test_a_disk_that_hangs_holds_nobody_up_and_what_does_not_fit_is_counted(tmp_path: Path) -> None:
    hangs = threading.Event()

    class Hanging(RotatedFile):
        def write(self, line: str) -> None:
            hangs.wait(20)
            super().write(line)

    log = LogFile(Hanging(tmp_path / "w.log"), waiting=10)
    log.begin()
    began = time.monotonic()
    for number in range(1000):
        log.handle(record("%d", number))
    assert time.monotonic() - began < 1.0
    hangs.set()
    wait_for(lambda: log.waiting == 0)
    log.handle(record("after"))
    found = ended(log, tmp_path / "w.log")
    lost = sum(entry.get("lost", 0) for entry in found)
    assert lost >= 985
    assert lost + sum("lost" not in entry for entry in found) == 1001


def test_a_file_that_does_not_open_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.logs.file.OPENING_S", 0.1)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with pytest.raises(CannotLog, match=r"it could not be opened within 0\.1 s"):
        start_log(fifo, logging.INFO)
    assert not any(isinstance(handler, LogFile) for handler in logging.getLogger().handlers)
    fifo.open("rb").close()  # lets the thread that waits for a reader go


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# -- internal errors ---------------------------------------------------------------------------------------------------


def with_bug(sh: Shell, method: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command in a process whose embedded adapter has a bug."""
    script = BUG.format(method=method, secret=SECRET)
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=ENVIRONMENT)


def test_an_adapters_bug_has_its_traceback_in_the_log_and_nowhere_else(sh: Shell) -> None:
    path = sh.folder / "w.log"
    done = with_bug(sh, "set_weight", *sh.arguments("promote", "--log-file", str(path)))
    assert done.returncode == Exit.UNKNOWN
    assert "Traceback" not in done.stdout + done.stderr
    assert f"traceback in {path}" in done.stderr
    assert "internal error: KeyError" in done.stderr
    [entry] = [entry for entry in lines(path) if "traceback" in entry]
    assert entry["level"] == "error"
    assert entry["request"]
    assert entry["trace"]
    assert "in bug" in entry["traceback"]
    assert SECRET not in path.read_text()


def test_without_a_log_the_line_says_how_to_get_the_traceback(sh: Shell) -> None:
    done = with_bug(sh, "set_weight", *sh.arguments("promote"))
    assert "run again with --log-file PATH for the traceback" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_bug_of_the_command_line_is_one_line(sh: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(_options: object) -> int:
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr("console.cli.show.status_command", bug)
    path = sh.folder / "w.log"
    assert sh.run("status", "--log-file", str(path)) == Exit.FAULT
    assert sh.err == f"warroom: internal error: RuntimeError: a bug of ours; traceback in {path}\n"
    assert any("a bug of ours" in entry.get("traceback", "") for entry in lines(path))
    assert lines(path)[-1]["exit_code"] == Exit.FAULT


def test_a_thread_and_a_forgotten_task_that_fail_leave_no_traceback_on_the_terminal(sh: Shell) -> None:
    script = f"""
import asyncio, gc, sys, threading
import console.cli.show
from console.cli import main
def bug():
    raise RuntimeError("in a thread")
async def forget():
    async def bug():
        raise RuntimeError("in a task")
    task = asyncio.create_task(bug())
    await asyncio.sleep(0)
    del task
    gc.collect()
def status(options):
    thread = threading.Thread(target=bug)
    thread.start()
    thread.join()
    asyncio.run(forget())
    return 0
console.cli.show.status_command = status
sys.exit(main({sh.arguments("status")!r} + sys.argv[1:]))
"""
    path = sh.folder / "w.log"
    for more in ([], ["--log-file", str(path)]):
        command = [sys.executable, "-c", script, *more]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRONMENT)
        assert "Traceback" not in done.stderr
        assert "internal error: RuntimeError: in a thread; " in done.stderr
    found = [entry["traceback"] for entry in lines(path) if "traceback" in entry]
    assert [any(words in text for text in found) for words in ("in a thread", "in a task")] == [True, True]


async def test_the_screen_never_shows_a_traceback(sh: Shell) -> None:
    path = sh.folder / "w.log"
    script = BUG.format(method="read_target", secret=SECRET)
    command = (sys.executable, "-c", script, *sh.arguments("run", "--log-file", str(path)))
    async with terminal(command) as seen:
        await seen.until("internal error")
        await seen.press("q")
        await seen.ended()
        said = seen.raw.decode("utf-8", "replace")
    assert "Traceback" not in said
    assert any("in bug" in entry.get("traceback", "") for entry in lines(path))
    assert lines(path)[-1]["message"] == "run ended"


async def test_a_console_that_is_terminated_writes_its_last_records(sh: Shell) -> None:
    path = sh.folder / "w.log"
    async with terminal((*WARROOM, *sh.arguments("run", "--log-file", str(path)))) as seen:
        await seen.until("READY")
        seen.process.terminate()
        await seen.ended()
    messages = [entry["message"] for entry in lines(path)]
    assert "ended by signal 15" in messages
    assert "left one/1" in messages


def test_an_internal_error_is_reported_in_one_line_that_says_where_its_traceback_is(
    log: LogFile, tmp_path: Path
) -> None:
    words = report_internal_error(logging.getLogger("warroom.test"), raised(ValueError("a\nb")))
    assert words == f"internal error: ValueError: a b; traceback in {tmp_path / 'w.log'}"
    assert one(log, tmp_path / "w.log")["message"] == "internal error: ValueError: a b"
