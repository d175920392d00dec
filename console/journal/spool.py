"""What waits for a journal that cannot take it, in a file of this host: a console killed meanwhile has lost nothing.

Each console has a file of its own, 0600, locked for as long as it lives. JSON Lines: what waits, then a line that says
so once the journal has it. A file that nobody holds any more is taken up by the next console of the same user on the
same journal, which knows each event by its id: none is there twice. Nothing is synced: it outlives the process,
not the host. There is room in it from the beginning, for the disk may be full when it is needed.
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
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from adapters.failpoints import failpoint
from adapters.sanitize import one_line
from console.events.evidence import Actor
from console.events.kinds import Event, Noted, RolloutOpened, decode, encode
from console.journal.contract import Conflict, Journal, JournalUnavailable

ROOM = 128 * 1024
"""Bytes that are there from the beginning: an opening and some twenty decisions."""
MOST = 16 * 1024 * 1024
"""A file that is larger is not ours."""
_NEW_S = 60.0
_NAME = ".waiting-"
_MADE = re.compile(r"\d+-[0-9a-f]{8}")
"""What follows it in the name of a file that `begin` made; anything else is somebody's own."""
_LEFT = ".left"


@dataclass(frozen=True, slots=True)
class _Waiting:
    rollout: str
    event: Event


class _Others(Exception):
    """It speaks for somebody else: under sudo the same file owner is several people."""


class _Foreign(Exception):
    """What no console of this user wrote, or not for this journal."""


class Spool:
    """The file of one console, and those that others left. Not thread-safe; every call may wait for the disk.

    Args:
        beside: where the files are: each path is one's beginning ("/var/lib/shop.db"). The first that can be written is
            used; what was left is looked for at all of them.
    """

    def __init__(self, beside: Sequence[Path]) -> None:
        self._beside = tuple(beside)
        self._file: int | None = None
        self._path: Path | None = None
        self._end = 0
        self._waiting: set[str] = set()
        self._closed = False
        self.untold: list[str] = []
        """What was put away and could be told in no rollout, in words: whoever takes it from here tells it."""

    @property
    def path(self) -> Path | None:
        """The file; None before `begin`, and where there can be none."""
        return self._path

    @property
    def waits(self) -> bool:
        """Whether something is in the file."""
        return bool(self._waiting)

    def holds(self, event_id: str) -> bool:
        """Whether an event waits in the file."""
        return event_id in self._waiting

    def begin(self) -> None:
        """Make the file, with room in it. Raises OSError where there can be none."""
        if self._file is not None or self._closed:
            return
        failure: OSError = FileNotFoundError("no place was given")
        for beside in self._beside:
            path = beside.with_name(f"{beside.name}{_NAME}{os.getpid()}-{secrets.token_hex(4)}")
            try:
                beside.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._file, self._path = _made(path), path
            except OSError as error:
                failure = error
                continue
            self._make_room()
            return
        raise failure

    def keep(self, rollout: str, event: Event) -> None:
        """Put an event aside, once. Raises OSError: it could not be."""
        if event.id in self._waiting or self._closed:
            return
        self.begin()
        self._write({"rollout": rollout, "kind": event.kind, "event": encode(event)})
        self._waiting.add(event.id)
        failpoint("spool kept")

    def written(self, event_id: str) -> None:
        """The journal has it by now. Raises OSError."""
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
        """Nothing is kept any more. The file goes, unless something waits in it."""
        self._closed = True
        if self._file is None or self._path is None:
            return
        if not self._waiting:
            with contextlib.suppress(OSError):
                self._path.unlink()
        os.close(self._file)
        self._file = None

    def adopt(self, journal: Journal, at: datetime, who: Actor) -> int:
        """Write into `journal` what consoles that are gone left waiting; how many events.

        A rollout that somebody else opened meanwhile, or that this journal does not know, is not theirs: what they did
        then stays in the file, under another name, and a note in the plan's open run, of `at` and by `who`, says where;
        if there is none, `untold` does.

        Raises:
            JournalUnavailable: the journal cannot be written; the files are left for the next try.
        """
        return sum(self._adopted(path, journal, at, who) for path in self._left())

    def _write(self, line: dict[str, str]) -> None:
        if self._file is None:
            return
        whole, done = json.dumps(line).encode() + b"\n", 0
        try:
            while done < len(whole):
                done += os.pwrite(self._file, whole[done:], self._end + done)
        except OSError:
            os.ftruncate(self._file, self._end)  # nothing follows what is whole
            raise
        self._end += done

    def _make_room(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):  # it may do without
                os.posix_fallocate(self._file, 0, ROOM)

    def _left(self) -> Iterator[Path]:
        for beside in self._beside:
            start = f"{beside.name}{_NAME}"
            with contextlib.suppress(OSError):  # no such folder, or not to be listed
                for path in sorted(beside.parent.iterdir()):
                    name = path.name
                    if name.startswith(start) and _MADE.fullmatch(name, len(start)) and path != self._path:
                        yield path

    def _adopted(self, path: Path, journal: Journal, at: datetime, who: Actor) -> int:
        try:
            file = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:  # another user's, or gone by now
            return 0
        try:
            if not _ours(file):
                return 0
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not path.exists() or _new(file):  # somebody else took it up; its console has just made it
                return 0
            return self._transfer(path, file, journal, at, who)
        except BlockingIOError:  # its console lives
            return 0
        except OSError:  # nothing can be locked there, so nobody can tell
            return 0
        finally:
            os.close(file)

    def _transfer(self, path: Path, file: int, journal: Journal, at: datetime, who: Actor) -> int:
        count, rollout = 0, ""
        known: set[str] = set()
        try:
            for waiting in _waiting(os.pread(file, MOST, 0), who.uid):
                rollout = waiting.rollout
                if rollout not in known and not isinstance(waiting.event, RolloutOpened):
                    if not journal.tail(rollout, 0):  # what it is about is gone: another file, or an older copy
                        raise _Foreign(f"{one_line(rollout)} is not in this journal")
                    known.add(rollout)
                journal.append(rollout, waiting.event)
                count += 1
        except _Others:  # their own next console takes it up
            return 0
        except (_Foreign, Conflict) as error:
            left = path.with_name(path.name + _LEFT)
            path.rename(left)
            did = f"what a console of {who.user} on {who.host} did while the journal could not be written"
            self._tell(journal, rollout, Noted(at=at, who=who, text=f"{did} is in {left}, not here: {one_line(error)}"))
            return count
        path.unlink()
        return count

    def _tell(self, journal: Journal, rollout: str, note: Noted) -> None:
        """In the open run of the plan that `rollout` is of: where somebody looks."""
        with contextlib.suppress(JournalUnavailable):
            if rollout and (run := journal.open_run(rollout.rpartition("/")[0])) is not None:
                journal.append(run, note)
                return
        self.untold.append(note.text)


def _made(path: Path) -> int:
    """A new file, locked. Raises OSError: it cannot be made, or not be locked, and then there is none."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)  # somebody may be looking into it at this moment
        if os.fstat(file).st_nlink == 0:
            raise FileNotFoundError("it was taken away at once")
    except OSError:
        with contextlib.suppress(OSError):
            path.unlink()
        os.close(file)
        raise
    return file


def _ours(file: int) -> bool:
    about = os.fstat(file)
    ours = stat.S_ISREG(about.st_mode) and about.st_uid == os.geteuid() and about.st_nlink == 1
    return ours and about.st_size <= MOST


def _new(file: int) -> bool:
    """Made, and not locked yet by its console."""
    about = os.fstat(file)
    return about.st_size == 0 and time.time() - about.st_mtime < _NEW_S


def _waiting(held: bytes, uid: int) -> Sequence[_Waiting]:
    """What waits, in order; without a last line that was cut off, for nothing was done on its strength.

    Raises _Foreign: it is not what a console writes; _Others: it is not what one of `uid` writes.
    """
    found: dict[str, _Waiting] = {}
    whole, _, _ = held.partition(b"\0")
    *lines, _ = whole.split(b"\n")
    for line in lines:
        try:
            said = json.loads(line)
            if (written := said.get("written")) is not None:
                found.pop(written, None)
                continue
            waiting = _Waiting(str(said["rollout"]), decode(said["kind"], said["event"]))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):  # pydantic's errors are ValueErrors
            raise _Foreign("a line of it cannot be read") from None
        if waiting.event.who is not None and waiting.event.who.uid != uid:
            raise _Others
        found[waiting.event.id] = waiting
    return list(found.values())
