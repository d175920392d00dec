"""The journal's file: one person's, or shared with one Unix group; refused where anybody else could read or replace it.

One person's is 0600, in a directory made 0700. A shared one is opted into with `share`: a directory 2770 of the group,
with the files 0660 and a sticky `approvals/` in it, whose presence is what says that the journal is shared.
"""

from __future__ import annotations

import contextlib
import grp
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from console.journal.approvals import folder_of
from console.journal.contract import JournalUnavailable

_WORLD = 0o007
_SHARED_FOLDER = 0o2770
_APPROVALS = 0o3770
"""With the sticky bit: what lies in it is removed by its owner only."""
_SIDES = ("", "-wal", "-shm", "-journal")


def prepared(path: Path) -> bool:
    """Make the journal's directory and an empty file unless they are there, refuse unsafe ones; whether it is shared.

    Raises:
        JournalUnavailable: somebody else could read, write or replace the journal; the line says what to do.
        OSError: it cannot be made.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    shared = is_shared(path)
    _check_folder(path, shared=shared)
    with contextlib.suppress(FileExistsError), umask(shared=shared):
        _create(path, 0o660 if shared else 0o600)
    for side in _SIDES:
        _check_file(path, path.with_name(path.name + side), shared=shared)
    return shared


def is_shared(path: Path) -> bool:
    """Whether the journal was made for a group."""
    return folder_of(path).is_dir()


@contextlib.contextmanager
def umask(*, shared: bool) -> Iterator[None]:
    """What is made inside is nobody else's business, whatever the process inherited."""
    before = os.umask(0o007 if shared else 0o077)
    try:
        yield
    finally:
        os.umask(before)


def share(path: Path, group: str) -> Path:
    """Make a journal that `group` shares, or share the one that is there; its path.

    Args:
        path: its file, or the directory that is to hold it as journal.db.
        group: name of the group.

    Raises:
        JournalUnavailable: there is no such group, or the directory is used for other things, or is not ours to change.
        OSError: it cannot be made.
    """
    try:
        gid = grp.getgrnam(group).gr_gid
    except KeyError:
        raise JournalUnavailable(f"there is no group {group!r} on this machine") from None
    path = path / "journal.db" if path.is_dir() else path
    _check_sharable(path)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _give(path.parent, gid, group, _SHARED_FOLDER)
    folder_of(path).mkdir(mode=0o700, exist_ok=True)
    _give(folder_of(path), gid, group, _APPROVALS)
    with contextlib.suppress(FileExistsError), umask(shared=True):
        _create(path, 0o660)
    for side in _SIDES:
        if (file := path.with_name(path.name + side)).exists():
            _give(file, gid, group, 0o660)
    return path


def identity(path: Path) -> tuple[int, int] | None:
    """Device and inode of a file; None where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _create(path: Path, mode: int) -> None:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode))


def _check_folder(path: Path, *, shared: bool) -> None:
    folder = path.parent
    mode = stat.S_IMODE(folder.stat().st_mode)
    if not shared:
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            raise JournalUnavailable(f"journal {path}: anybody may replace it (mode {mode:o}): chmod o-w {folder}")
        return
    if mode & _WORLD or mode & _SHARED_FOLDER != _SHARED_FOLDER:
        raise JournalUnavailable(
            f"journal {path}: a shared journal's directory has mode 2770, not {mode:o}: chmod 2770 {folder}"
        )
    approvals = folder_of(path)
    mode = stat.S_IMODE(approvals.stat().st_mode)
    if mode & _WORLD or mode & _APPROVALS != _APPROVALS:
        raise JournalUnavailable(f"journal {path}: approvals need mode 3770, not {mode:o}: chmod 3770 {approvals}")


def _check_file(path: Path, file: Path, *, shared: bool) -> None:
    try:
        found = file.stat()
    except FileNotFoundError:
        return
    mode = stat.S_IMODE(found.st_mode)
    if not shared and mode & 0o077:
        others = "anybody" if mode & _WORLD else f"group {_group(found.st_gid)}"
        raise JournalUnavailable(
            f"journal {path}: it is one person's, but {others} may use {file.name} (mode {mode:o}): chmod 600 {file}, "
            f"or share it: warroom journal init --group GROUP {path}"
        )
    if mode & _WORLD:
        raise JournalUnavailable(f"journal {path}: anybody may use {file.name} (mode {mode:o}): chmod 660 {file}")
    if shared and found.st_gid != (gid := path.parent.stat().st_gid):
        raise JournalUnavailable(
            f"journal {path}: {file.name} belongs to group {_group(found.st_gid)}, its directory to {_group(gid)}: "
            f"chgrp {_group(gid)} {file}"
        )


def _check_sharable(path: Path) -> None:
    """Raise JournalUnavailable if the directory holds anything else: sharing it would share that too."""
    folder = path.parent
    if not folder.exists():
        return
    ours = {path.name + side for side in _SIDES} | {folder_of(path).name}
    if others := sorted({entry.name for entry in folder.iterdir()} - ours):
        raise JournalUnavailable(f"{folder} holds other things ({others[0]}): give the journal a directory of its own")


def _give(what: Path, gid: int, group: str, mode: int) -> None:
    """Change group and mode; a mode that does not stick (no member of the group may set its bit) is an error."""
    try:
        os.chown(what, -1, gid)
        what.chmod(mode)
    except PermissionError as error:
        raise JournalUnavailable(
            f"{what} cannot be given to group {group}: {error.strerror}; are you its owner and a member?"
        ) from None
    if stat.S_IMODE(what.stat().st_mode) != mode:
        raise JournalUnavailable(f"{what} cannot be given to group {group}: you are no member of it")


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
