"""On-disk buffer for events the journal cannot accept yet; survives a killed console.

Each console has a file of its own, 0600, locked for the console's lifetime. The format is JSON Lines: one line per
waiting event, and a second line once the journal has it. An unlocked file belongs to no running console; the next
console of the same user on the same journal adopts it. Event ids keep an event from being recorded twice. Nothing is
synced: the file outlives the process, not the host. Its space is reserved at the beginning, because the disk may be
full when the file is needed.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from adapters.failpoints import failpoint
from adapters.sanitize import one_line
from console.events.evidence import Actor
from console.events.kinds import Event, Noted, RolloutOpened, decode, encode
from console.journal.contract import Conflict, Journal, JournalUnavailable

RESERVED_BYTES = 128 * 1024
"""Bytes reserved at the beginning: enough for an opening and about twenty decisions."""
MAX_BYTES = 16 * 1024 * 1024
"""Maximum size of a spool file in bytes; a larger file is not ours."""
_NEW_S = 60.0
"""Age in seconds up to which an empty, unlocked file may belong to a console that is starting."""
_NAME = ".waiting-"
_OWN_SUFFIX = re.compile(r"\d+-[0-9a-f]{8}")
"""Rest of the name of a file made by `begin` (pid and random digits); any other file is foreign."""
_UNADOPTED_SUFFIX = ".left"


class _AnotherUser(Exception):
    """The file holds another person's events: under sudo one file owner is several people."""


class _NotAdoptable(Exception):
    """The file was not written by a console of this user for this journal."""


class Spool:
    """The spool file of one console, and the files left by others.

    Not thread-safe; every call may wait for the disk.

    Args:
        beside: beginnings of the files' paths ("/var/lib/shop.db"). The first that can be written is used; files left
            by other consoles are searched at all of them.
    """

    def __init__(self, beside: Sequence[Path]) -> None:
        self._beside = tuple(beside)
        self._file: int | None = None
        self.path: Path | None = None
        """The file; None before `begin`, and if none could be created."""
        self._end = 0
        self._waiting: set[str] = set()
        self._closed = False
        self.pending_notices: list[str] = []
        """Notes about files put aside that could be added to no rollout; the caller takes and records them."""

    @property
    def has_waiting(self) -> bool:
        """Whether an event waits in the file."""
        return bool(self._waiting)

    def holds(self, event_id: str) -> bool:
        """Whether this event waits in the file."""
        return event_id in self._waiting

    def begin(self) -> None:
        """Create the file and reserve its space. Raises OSError if none can be created."""
        if self._file is not None or self._closed:
            return
        failure: OSError = FileNotFoundError("no path was given")
        for beside in self._beside:
            path = beside.with_name(f"{beside.name}{_NAME}{os.getpid()}-{secrets.token_hex(4)}")
            try:
                beside.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                _refuse_open_folder(beside.parent)
                self._file, self.path = _create_locked(path), path
            except OSError as error:
                failure = error
                continue
            self._make_room()
            return
        raise failure

    def keep(self, rollout: str, event: Event) -> None:
        """Write an event to the file, once. Raises OSError."""
        if event.id in self._waiting or self._closed:
            return
        self.begin()
        self._write({"rollout": rollout, "kind": event.kind, "event": encode(event)})
        self._waiting.add(event.id)
        failpoint("spool kept")

    def mark_written(self, event_id: str) -> None:
        """Note that the journal has recorded an event. Raises OSError."""
        if event_id not in self._waiting:
            return
        self._waiting.discard(event_id)
        if self._waiting:
            self._write({"written": event_id})
        elif self._file is not None:
            os.ftruncate(self._file, 0)
            self._end = 0
            self._make_room()

    def close(self) -> None:
        """Stop spooling, and remove the file unless an event waits in it."""
        self._closed = True
        if self._file is None or self.path is None:
            return
        if not self._waiting:
            with contextlib.suppress(OSError):
                self.path.unlink()
        os.close(self._file)
        self._file = None

    def adopt(self, journal: Journal, at: datetime, who: Actor) -> int:
        """Record the events that earlier consoles left waiting; returns their number.

        A file is renamed and kept if another console opened its rollout meanwhile, or if this journal does not have the
        rollout. A note in the plan's open run, of `at` and by `who`, names the file; without an open run the note goes
        to `pending_notices`.

        Raises:
            JournalUnavailable: the journal cannot be written; the files stay for the next attempt.
        """
        return sum(self._adopt_file(path, journal, at, who) for path in self._left_files())

    def _write(self, line: dict[str, str]) -> None:
        if self._file is None:
            return
        whole, done = json.dumps(line).encode() + b"\n", 0
        try:
            while done < len(whole):
                done += os.pwrite(self._file, whole[done:], self._end + done)
        except OSError:
            os.ftruncate(self._file, self._end)  # the file ends with its last whole line
            raise
        self._end += done

    def _make_room(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):  # the space is a precaution, not a condition
                os.posix_fallocate(self._file, 0, RESERVED_BYTES)

    def _left_files(self) -> Iterator[Path]:
        for beside in self._beside:
            start = f"{beside.name}{_NAME}"
            with contextlib.suppress(OSError):  # the directory does not exist or cannot be listed
                for path in sorted(beside.parent.iterdir()):
                    name = path.name
                    if name.startswith(start) and _OWN_SUFFIX.fullmatch(name, len(start)) and path != self.path:
                        yield path

    def _adopt_file(self, path: Path, journal: Journal, at: datetime, who: Actor) -> int:
        try:
            file = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:  # it belongs to another user, or was removed meanwhile
            return 0
        try:
            if not _is_ours(file):
                return 0
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not path.exists() or _is_new(file):  # another console adopted it; or its console has just created it
                return 0
            return self._transfer(path, file, journal, at, who)
        except OSError:  # its console is running; without locks there, that cannot be excluded
            return 0
        finally:
            os.close(file)

    def _transfer(self, path: Path, file: int, journal: Journal, at: datetime, who: Actor) -> int:
        count, rollout = 0, ""
        known: set[str] = set()
        try:
            for rollout, event in _read_waiting(os.pread(file, MAX_BYTES, 0), who.uid):
                if rollout not in known and not isinstance(event, RolloutOpened):
                    if not journal.tail(rollout, 0):  # the journal was replaced, or restored from an older copy
                        raise _NotAdoptable(f"{one_line(rollout)} is not in this journal")
                    known.add(rollout)
                journal.append(rollout, event)
                count += 1
        except _AnotherUser:  # that person's next console adopts it
            return 0
        except (_NotAdoptable, Conflict) as error:
            left = path.with_name(path.name + _UNADOPTED_SUFFIX)
            path.rename(left)
            events = f"events of a console of {who.name} on {who.host}, made while the journal could not be written"
            text = f"{events}, are in {left}, not here: {one_line(error)}"
            self._note_in_open_run(journal, rollout, Noted(at=at, who=who, text=text))
            return count
        path.unlink()
        return count

    def _note_in_open_run(self, journal: Journal, rollout: str, note: Noted) -> None:
        """Record a note in the open run of the rollout's plan."""
        with contextlib.suppress(JournalUnavailable):
            if rollout and (run := journal.open_run(rollout.rpartition("/")[0])) is not None:
                journal.append(run, note)
                return
        self.pending_notices.append(note.text)


def _refuse_open_folder(folder: Path) -> None:
    """Raise OSError if every user may remove our files from a folder."""
    mode = folder.stat().st_mode
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        raise PermissionError(f"any user may remove files from {folder}")


def _create_locked(path: Path) -> int:
    """Create and lock a new file, or leave none behind and raise OSError."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)  # another console may be inspecting it at this moment
        if os.fstat(file).st_nlink == 0:
            raise FileNotFoundError("it was removed immediately")
    except OSError:
        with contextlib.suppress(OSError):
            path.unlink()
        os.close(file)
        raise
    return file


def _is_ours(file: int) -> bool:
    status = os.fstat(file)
    ours = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and status.st_nlink == 1
    return ours and status.st_size <= MAX_BYTES


def _is_new(file: int) -> bool:
    """Whether its console may have created the file and not locked it yet."""
    status = os.fstat(file)
    return status.st_size == 0 and time.time() - status.st_mtime < _NEW_S


def _read_waiting(content: bytes, uid: int) -> list[tuple[str, Event]]:
    """(rollout, event) of each event that waits in a file, in order.

    A last line that was cut off is dropped: no call was made before its line was complete.

    Raises:
        _NotAdoptable: no console writes such content.
        _AnotherUser: an event is by another uid.
    """
    found: dict[str, tuple[str, Event]] = {}
    whole, _, _ = content.partition(b"\0")
    *lines, _ = whole.split(b"\n")
    for line in lines:
        try:
            record = json.loads(line)
            if (written := record.get("written")) is not None:
                found.pop(written, None)
                continue
            rollout, event = str(record["rollout"]), decode(record["kind"], record["event"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):  # pydantic's errors are ValueErrors
            raise _NotAdoptable("a line of it cannot be read") from None
        if event.who is not None and event.who.uid != uid:
            raise _AnotherUser
        found[event.id] = rollout, event
    return list(found.values())
