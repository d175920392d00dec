"""Approvals as files: whoever owns one has given it, by the kernel's word.

They lie in `approvals/` beside a shared journal, sticky, so that no member of the group can remove or rename those of
another. The directory's owner can; therefore what is approved stands inside the file, which only its owner can write. A
file that is a link, has a second name, is writable by others, is root's, or says anything else is no approval.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pwd
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from adapters.sanitize import one_line
from console.journal.contract import Approval, Approved, JournalUnavailable, NotPermitted

LARGEST = 4096
"""Bytes of an approval's file at most."""
MOST_FILES = 20_000
"""Files in the directory at most: a directory that was flooded is an error, not a console that hangs."""
MOST_OF_ONE = 1_000
"""Those of one rollout at most: each is opened whenever the journal changes."""
_CARD = re.compile(r"[0-9a-f]{8,128}")


class _Written(BaseModel):
    """What stands in an approval's file."""

    model_config = ConfigDict(extra="forbid", strict=True)

    warroom_approval: int = Field(1, ge=1, le=1)
    rollout: str
    move: int
    card: str
    at: AwareDatetime
    text: str


def folder_of(journal: Path) -> Path:
    """Where the approvals of a journal lie."""
    return journal.parent / "approvals"


def give(folder: Path, rollout: str, approval: Approval) -> Approved:
    """Create the file of an approval; its owner is this process's effective user.

    Raises:
        Forbidden: root has no approval to give.
        JournalUnavailable, OSError: the directory cannot be written.
        ValueError: the card's digest is none.
    """
    uid = os.geteuid()
    if uid == 0:
        raise NotPermitted("approve refused: root is nobody in particular; approve as yourself, without sudo")
    if _CARD.fullmatch(approval.card) is None:
        raise ValueError(f"not a digest: {approval.card!r}")
    written = _Written(
        rollout=rollout,
        move=approval.move,
        card=approval.card,
        at=approval.at,
        text=one_line(approval.text, 500),
    )
    name = f"{_stem(rollout)}.{approval.move}.{_binding(rollout, approval.move, approval.card)}.{uid}.json"
    with _opened(folder) as directory:
        try:
            _write(directory, name, written.model_dump_json().encode())
        except FileExistsError:
            before = _read(directory, name, rollout)
            if before is None:
                raise JournalUnavailable(f"approval {folder / name} is there, but is not one; remove it") from None
            return before
        given = _read(directory, name, rollout)
    if given is None:
        raise JournalUnavailable(f"approval {folder / name} was written, but does not read as one")
    return given


def given(folder: Path, rollout: str) -> list[Approved]:
    """Every approval of `rollout` that is by who it says, oldest first. Raises JournalUnavailable, OSError."""
    if not folder.exists():
        return []
    found = []
    with _opened(folder) as directory:
        for number, name in enumerate(_names(directory, folder, f"{_stem(rollout)}.")):
            if number >= MOST_OF_ONE:
                raise JournalUnavailable(
                    f"approvals: {folder} holds more than {MOST_OF_ONE} of {rollout}; remove what is not yours"
                )
            with contextlib.suppress(OSError):  # removed meanwhile, a link, not ours to read: no approval
                found.append(_read(directory, name, rollout))
    valid = [entry for entry in found if entry is not None]
    return sorted(valid, key=lambda entry: (entry.approval.at, entry.approval.move, entry.identity))


def identity(uid: int) -> str:
    """How an approval by `uid` is signed."""
    return f"uid:{uid}"


def _names(directory: int, folder: Path, prefix: str) -> Iterator[str]:
    with os.scandir(directory) as entries:
        for number, entry in enumerate(entries):
            if number >= MOST_FILES:
                raise JournalUnavailable(f"approvals: {folder} holds more than {MOST_FILES} files; remove what is old")
            if entry.name.startswith(prefix) and entry.name.endswith(".json"):
                yield entry.name


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[int]:
    """The directory itself, never what a link points to."""
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield directory
    finally:
        os.close(directory)


def _write(directory: int, name: str, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(name, flags, 0o600, dir_fd=directory)
    try:
        os.write(file, content)
        os.fchmod(file, 0o440)
        os.fsync(file)
        os.fsync(directory)
    finally:
        os.close(file)


def _read(directory: int, name: str, rollout: str) -> Approved | None:
    """The approval in a file; None if it is none. Raises OSError."""
    file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    try:
        found = os.fstat(file)
        if (
            not stat.S_ISREG(found.st_mode)
            or found.st_nlink != 1
            or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
            or found.st_uid == 0
            or found.st_size > LARGEST
        ):
            return None
        content = os.read(file, LARGEST + 1)
    finally:
        os.close(file)
    return _parsed(content, rollout, found.st_uid)


def _parsed(content: bytes, rollout: str, uid: int) -> Approved | None:
    try:
        written = _Written.model_validate_json(content)
    except ValidationError:
        return None
    if written.rollout != rollout or _CARD.fullmatch(written.card) is None:
        return None
    return Approved(
        Approval(written.move, written.card, written.at, one_line(written.text, 500)), identity(uid), _user(uid)
    )


def _user(uid: int) -> str:
    try:
        return one_line(pwd.getpwuid(uid).pw_name, 64)
    except KeyError:
        return f"uid {uid}"


def _stem(rollout: str) -> str:
    """A rollout's id as the beginning of a file's name, for whoever lists the directory."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", rollout)[:100]


def _binding(rollout: str, move: int, card: str) -> str:
    return hashlib.sha256(f"{rollout}\0{move}\0{card}".encode()).hexdigest()[:16]
