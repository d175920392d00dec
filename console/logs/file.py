"""The log file: a handler that never waits, a thread that writes, a file that is rotated.

A disk that hangs, is full or is gone costs records, which are counted, and nothing else. Several consoles may write to
one file: each line is one append, and the one that rotates it holds its lock.
"""

from __future__ import annotations

import fcntl
import logging
import os
import queue
import stat
import sys
import threading
from pathlib import Path

from adapters import known_secrets
from adapters.sanitize import one_line
from console.logs import context
from console.logs.line import line_of

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
MAX_BYTES = 10_000_000
"""A longer file is rotated."""
KEPT = 5
"""Files that are kept beside the one that is written: FILE.1, the newest of them, to FILE.5."""
WAITING = 2000
"""Records that may wait for the disk; more are dropped."""
OPENING_S = 2.0
"""How long the file may take to be opened."""
CLOSING_S = 1.0
"""How long the end of the process waits for the last records."""
SECRETS = ("WARROOM_GATE_TOKEN", "PGPASSWORD")
"""Variables that hold a secret and are read by no adapter."""

_log = logging.getLogger("warroom.log")


class CannotLog(Exception):
    """The log file cannot be used. One plain line."""


class RotatedFile:
    """Appends lines to a file of at most `max_bytes`; opened again where it was moved, removed or replaced."""

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES, kept: int = KEPT) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._kept = kept
        self._file: int | None = None
        self._is_torn = False
        """The last line was cut off, by a disk that became full within it."""

    def open(self) -> None:
        """Open it, readable by its owner alone. Raises OSError; CannotLog where it is another kind of file."""
        self.close()
        self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        if self._is_regular():
            if os.fstat(self._file).st_uid == os.getuid():
                os.fchmod(self._file, 0o600)
            if self._begins() not in (b"", b"{"):
                self.close()
                raise CannotLog("it is there already, and is no log of warroom")

    def _begins(self) -> bytes:
        """The file's first byte; that of an empty one where it may not be read."""
        try:
            with self.path.open("rb") as file:
                return file.read(1)
        except OSError:
            return b""

    def _is_regular(self) -> bool:
        return self._file is not None and stat.S_ISREG(os.fstat(self._file).st_mode)

    def write(self, line: str) -> None:
        """Append a line. Raises OSError, CannotLog."""
        file = self._file
        if file is None or not self._is_there(file):
            self.open()
        data = line.encode("utf-8", "replace") + b"\n"
        if self._is_regular() and self._size() + len(data) > self._max_bytes:
            self._rotate()
        if self._is_torn:
            data = b"\n" + data
        whole = len(data)
        while data and self._file is not None:
            data = data[os.write(self._file, data) :]
            self._is_torn = 0 < len(data) < whole

    def _size(self) -> int:
        return os.fstat(self._file).st_size if self._file is not None else 0

    def _is_there(self, file: int) -> bool:
        """Whether the path still names the open file."""
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(file))  # noqa: PTH116 - beside an fstat
        except OSError:
            return False

    def _rotate(self) -> None:
        """Number the files up by one and begin a new one; empty this one where the folder forbids that."""
        if self._file is None or self._size() == 0:
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # another console rotates it; the next line finds the new file
            return
        if not self._is_there(self._file):
            self.open()
            return
        try:
            for number in range(self._kept - 1, 0, -1):
                if self._numbered_path(number).exists():
                    self._numbered_path(number).replace(self._numbered_path(number + 1))
            self.path.replace(self._numbered_path(1))
        except OSError:
            os.ftruncate(self._file, 0)
            fcntl.flock(self._file, fcntl.LOCK_UN)
            return
        self.open()

    def _numbered_path(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")

    def close(self) -> None:
        """Close it; `write` opens it again."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)


class LogFile(logging.Handler):
    """Hands records to a thread that writes them; never waits for it, and never raises."""

    def __init__(self, file: RotatedFile, waiting: int = WAITING) -> None:
        super().__init__()
        self._file = file
        self._most = waiting
        self._queue: queue.SimpleQueue[tuple[logging.LogRecord, dict[str, str]] | None] = queue.SimpleQueue()
        self._dropped = 0
        self._reported = 0
        self._unwritten = 0
        self._opened = threading.Event()
        self._failed: OSError | CannotLog | None = None
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)

    def begin(self) -> None:
        """Open the file. Raises CannotLog."""
        self._thread.start()
        if not self._opened.wait(OPENING_S):
            raise CannotLog(f"it could not be opened within {OPENING_S:g} s")
        if self._failed is not None:
            raise CannotLog(_why(self._file.path, self._failed)) from None

    @property
    def waiting(self) -> int:
        """How many records wait to be written."""
        return self._queue.qsize()

    def emit(self, record: logging.LogRecord) -> None:
        """Hand a record over, or drop and count it where too many wait."""
        if self.waiting >= self._most:
            self._dropped += 1
            return
        self._queue.put((record, context.log_fields()))

    def handleError(self, record: logging.LogRecord) -> None:
        """Say nothing: the terminal is not for this."""

    def close(self) -> None:
        """Write what waits, for CLOSING_S at most."""
        self._queue.put(None)
        if self._thread.is_alive():
            self._thread.join(CLOSING_S)
        super().close()

    def _run(self) -> None:
        try:
            self._file.open()
        except (OSError, CannotLog) as error:
            self._failed = error
        self._opened.set()
        if self._failed is not None:
            return
        while (item := self._queue.get()) is not None:
            self._write(*item)
        self._file.close()

    def _write(self, record: logging.LogRecord, bound: dict[str, str]) -> None:
        try:
            lost = self._dropped - self._reported + self._unwritten
            if lost:
                dropped = self._dropped
                self._file.write(line_of(_loss(lost), {}))
                self._reported, self._unwritten = dropped, 0
            self._file.write(line_of(record, bound))
        except (OSError, CannotLog):
            self._unwritten += 1


def _loss(lost: int) -> logging.LogRecord:
    """A record that says how many are missing before it."""
    words = "%d records are missing here: too many waited, or the file could not be written"
    return _log.makeRecord(_log.name, logging.WARNING, "", 0, words, (lost,), None, extra={"lost": lost})


def _why(path: Path, error: OSError | CannotLog) -> str:
    if isinstance(error, FileNotFoundError) and not path.parent.is_dir():
        return f"its folder {one_line(path.parent, 200)} does not exist"
    return one_line((error.strerror if isinstance(error, OSError) else None) or error)


def start_log(path: Path, level: int) -> LogFile:
    """Log to `path` from now on: our own loggers from `level` up, those of others from WARNING up.

    Raises:
        CannotLog: the file cannot be opened; nothing is logged.
    """
    path = path.expanduser().absolute()
    made = LogFile(RotatedFile(path))
    try:
        made.begin()
    except CannotLog as error:
        raise CannotLog(f"log file {one_line(path, 200)}: {error}") from None
    known_secrets.collect(*(os.environ.get(name, "").strip() for name in SECRETS))
    root = logging.getLogger()
    root.addHandler(made)
    root.setLevel(max(level, logging.WARNING))
    logging.getLogger("warroom").setLevel(level)
    context.set_file(str(path))
    return made


def stop_log(log: LogFile) -> None:
    """Log no more, and write what waits."""
    root = logging.getLogger()
    root.removeHandler(log)
    root.setLevel(logging.WARNING)
    logging.getLogger("warroom").setLevel(logging.NOTSET)
    context.set_file(None)
    log.close()
    known_secrets.forget()


def about_process() -> dict[str, object]:
    """Fields of the first record: version, Python, platform, process id."""
    from console.version import version

    system = os.uname()
    return {
        "version": version(),
        "python": sys.version.split()[0],
        "platform": f"{system.sysname} {system.release} {system.machine}",
        "pid": os.getpid(),
    }
