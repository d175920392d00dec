"""Approvals as files: the kernel's owner of a file is the approver.

The files are in `approvals/` beside a shared journal. The directory is sticky, so no member of the group can remove or
rename another member's file. The directory's owner can; therefore the approved move is written inside the file, which
only its owner can write. A file counts as no approval if it is a link, has a second name, is writable by others,
belongs to root, or has any other content.
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
from console.journal.contract import JournalUnavailable, NotPermitted, SignedApproval, UnsignedApproval

LARGEST = 4096
"""Maximum size of an approval's file, in bytes."""
MOST_FILES = 20_000
"""Maximum number of files in the directory: a flooded directory is an error and does not hang the console."""
MOST_OF_ONE = 1_000
"""Maximum number of files of one rollout: each is opened whenever the journal changes."""
_CARD = re.compile(r"[0-9a-f]{8,128}")


class _ApprovalFile(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    warroom_approval: int = Field(1, ge=1, le=1)
    rollout: str
    move: int
    card: str
    at: AwareDatetime
    text: str


def folder_of(journal: Path) -> Path:
    """The approvals directory of a journal file."""
    return journal.parent / "approvals"


def write_approval(folder: Path, rollout: str, approval: UnsignedApproval) -> SignedApproval:
    """Create the file of an approval, owned by this process's effective user.

    Given twice, the approval is the first one.

    Raises:
        NotPermitted: this process runs as root, which is no person.
        JournalUnavailable, OSError: the directory cannot be written.
        ValueError: `approval.card` is not a digest.
    """
    uid = os.geteuid()
    if uid == 0:
        raise NotPermitted("approve refused: root is not a person; approve as yourself, without sudo")
    if _CARD.fullmatch(approval.card) is None:
        raise ValueError(f"not a digest: {approval.card!r}")
    written = _ApprovalFile(
        rollout=rollout, move=approval.move, card=approval.card, at=approval.at, text=one_line(approval.text, 500)
    )
    name = f"{_stem(rollout)}.{approval.move}.{_binding(rollout, approval.move, approval.card)}.{uid}.json"
    with _open_folder(folder) as directory:
        try:
            _write(directory, name, written.model_dump_json().encode())
        except FileExistsError:
            before = _read(directory, name, rollout)
            if before is None:
                raise JournalUnavailable(f"{folder / name} exists, but is not an approval; remove it") from None
            return before
        stored = _read(directory, name, rollout)
    if stored is None:
        raise JournalUnavailable(f"approval {folder / name} was written, but cannot be read back")
    return stored


def read_approvals(folder: Path, rollout: str) -> list[SignedApproval]:
    """Valid approvals of `rollout`, oldest first.

    Raises:
        JournalUnavailable: the directory holds too many files.
        OSError: the directory cannot be read.
    """
    if not folder.exists():
        return []
    found = []
    with _open_folder(folder) as directory:
        for number, name in enumerate(_names(directory, folder, f"{_stem(rollout)}.")):
            if number >= MOST_OF_ONE:
                raise JournalUnavailable(
                    f"approvals: {folder} holds more than {MOST_OF_ONE} of {rollout}; remove what is not yours"
                )
            with contextlib.suppress(OSError):  # removed meanwhile, a link, or not readable: no approval
                found.append(_read(directory, name, rollout))
    valid = [entry for entry in found if entry is not None]
    return sorted(valid, key=lambda entry: (entry.approval.at, entry.approval.move, entry.identity))


def identity_of_uid(uid: int) -> str:
    """The identity of an approval by `uid`."""
    return f"uid:{uid}"


def _names(directory: int, folder: Path, prefix: str) -> Iterator[str]:
    with os.scandir(directory) as entries:
        for number, entry in enumerate(entries):
            if number >= MOST_FILES:
                raise JournalUnavailable(f"approvals: {folder} holds more than {MOST_FILES} files; remove what is old")
            if entry.name.startswith(prefix) and entry.name.endswith(".json"):
                yield entry.name


@contextlib.contextmanager
def _open_folder(folder: Path) -> Iterator[int]:
    """Descriptor of the directory itself; a link is not followed."""
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


def _read(directory: int, name: str, rollout: str) -> SignedApproval | None:
    """The approval in a file; None if it is invalid. Raises OSError."""
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
    return _parse(content, rollout, found.st_uid)


def _parse(content: bytes, rollout: str, uid: int) -> SignedApproval | None:
    try:
        written = _ApprovalFile.model_validate_json(content)
    except ValidationError:
        return None
    if written.rollout != rollout or _CARD.fullmatch(written.card) is None:
        return None
    return SignedApproval(
        UnsignedApproval(written.move, written.card, written.at, one_line(written.text, 500)),
        identity_of_uid(uid),
        _user(uid),
    )


def _user(uid: int) -> str:
    try:
        return one_line(pwd.getpwuid(uid).pw_name, 64)
    except KeyError:
        return f"uid {uid}"


def _stem(rollout: str) -> str:
    """A rollout's id as the readable beginning of a file name."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", rollout)[:100]


def _binding(rollout: str, move: int, card: str) -> str:
    return hashlib.sha256(f"{rollout}\0{move}\0{card}".encode()).hexdigest()[:16]
