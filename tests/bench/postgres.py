"""A throw-away PostgreSQL server for benchmarks and live tests: start, stop, kill and restart it.

Every role may log in from the loopback without a password, except `locked`, which needs PASSWORD.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
from psycopg import sql

PASSWORD = "pg/s3cret@word"
_START_S = 30.0
_STOP_S = 20.0
_OPTIONS = (
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "fsync=off",  # it is thrown away
    "shared_buffers=32MB",
    "max_connections=300",
)
_RULES = "host all locked 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n"


class NotInstalled(Exception):
    """PostgreSQL, or a user to run it as, is missing; the message is one line."""


class NotReady(Exception):
    """The server did not start; the message is the end of its log."""


class Postgres:
    """One server and its data directory."""

    def __init__(self, data: Path, log: Path) -> None:
        self.port = _free_port()
        self._log = log
        self._data = data / "db"
        self._programs = _programs()
        self._as_owner = _hand_to_owner(data)
        self._process: subprocess.Popen[bytes] | None = None
        self._run(
            "initdb", "-D", str(self._data), "-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C"
        )
        (self._data / "pg_hba.conf").write_text(_RULES, encoding="ascii")

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        """The URL of a database for a user."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start the server and wait until it answers. Raises NotReady."""
        options = [part for option in _OPTIONS for part in ("-c", option)]
        command = [str(self._programs / "postgres"), "-D", str(self._data), "-p", str(self.port), *options]
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                [*self._as_owner, *command], stdout=output, stderr=subprocess.STDOUT, cwd="/"
            )
        until = time.monotonic() + _START_S
        probe = [str(self._programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        while subprocess.run(probe, check=False, timeout=10).returncode != 0:
            if time.monotonic() > until or self._process.poll() is not None:
                raise NotReady(self._log.read_text(errors="replace")[-2000:])
            time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server. SIGINT ends every session; SIGQUIT is a crash, with recovery at the next start."""
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(_STOP_S)
        self._process = None

    def restart(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server as `how` says, and start it."""
        self.stop(how)
        self.start()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Stop every server process within the block: requests arrive and get no answer."""
        if self._process is None:
            raise NotReady("it is not running")
        stopped = [self._process.pid, *_children(self._process.pid)]
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in stopped:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def execute(self, statement: str, *values: object, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run one statement as the superuser; return its rows."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            found = connection.execute(statement, values or None)
            return found.fetchall() if found.description else []

    def database(self, name: str) -> str:
        """Create an empty database, replacing one of that name; return its URL as superuser."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            named = sql.Identifier(name)
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(named))
            connection.execute(sql.SQL("CREATE DATABASE {}").format(named))
        return self.url(name)

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as_owner, str(self._programs / program), *arguments]
        subprocess.run(command, check=True, capture_output=True, timeout=60, cwd="/")


@contextlib.contextmanager
def postgres(folder: Path) -> Iterator[Postgres]:
    """Run a server with empty data within the block; its log goes to `folder`. Raises NotInstalled, NotReady."""
    with tempfile.TemporaryDirectory(prefix="warroom-postgres-", ignore_cleanup_errors=True) as data:
        server = Postgres(Path(data), folder / "postgres.log")
        try:
            server.start()
            yield server
        finally:
            server.stop()


def _hand_to_owner(data: Path) -> list[str]:
    """As root, give `data` to the user postgres; the command prefix that runs programs as that user."""
    if os.geteuid() != 0:
        return []
    try:
        owner = pwd.getpwnam("postgres")
    except KeyError:
        raise NotInstalled("there is no user to run PostgreSQL as") from None
    os.chown(data, owner.pw_uid, owner.pw_gid)
    return ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]


def _children(parent: int) -> list[int]:
    """Pids of the children of `parent`, from field 4 of /proc/PID/stat (proc(5))."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has just ended
            text = stat.read_text(encoding="utf-8", errors="replace")
            if int(text.rpartition(")")[2].split()[1]) == parent:
                found.append(int(stat.parent.name))
    return found


def _programs() -> Path:
    on_path = shutil.which("postgres")
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    found = [Path(on_path).resolve()] if on_path else packaged
    if not found:
        raise NotInstalled("PostgreSQL is not installed")
    return found[-1].parent


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
