"""Modes of the journal's file: one person's, or shared with a Unix group.

A file that other users could read, replace or have made is refused (`path_trust`). A personal journal is 0600, in a
directory made 0700. `share` makes a shared one: a directory 2770 of the group, with the files 0660 and a sticky
`approvals/` in it. A journal is shared if that directory exists.
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
from console.journal.path_trust import check_file, check_way

_WORLD = 0o007
_SHARED_FOLDER = 0o2770
_APPROVALS = 0o3770
"""With the sticky bit: a file in it can be removed by its owner only."""
_SIDES = ("", "-wal", "-shm", "-journal")


def prepare(path: Path) -> bool:
    """Create the journal's directory and file where missing, and refuse unsafe ones.

    Returns:
        Whether the journal is shared.

    Raises:
        JournalUnavailable: another user could read, write or replace the journal; the line says what to do.
        OSError: the directory or the file cannot be created.
    """
    shared = is_shared(path)
    check_way(path, shared=shared)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _check_folder(path, shared=shared)
    check_file(path, path, shared=shared)
    _create(path, shared=shared)
    check_files(path, shared=shared)
    return shared


def check_files(path: Path, *, shared: bool) -> None:
    """Refuse a file of the journal that another user made, could use, or could have put there.

    Raises:
        JournalUnavailable: there is such a file; the line says what to do.
        OSError: the directory cannot be read.
    """
    for side in _SIDES:
        _check_file(path, path.with_name(path.name + side), shared=shared)


def check_to_read(path: Path) -> None:
    """Refuse to read a file that is no plain file, or that any user could have put there.

    Raises:
        JournalUnavailable: it is such a file; the line says what to do.
        OSError: the directory cannot be read.
    """
    for side in _SIDES:
        check_file(path, path.with_name(path.name + side), shared=is_shared(path), reading=True)


def is_shared(path: Path) -> bool:
    """Whether the journal was made for a group."""
    return folder_of(path).is_dir()


@contextlib.contextmanager
def umask(*, shared: bool) -> Iterator[None]:
    """Create files in the block without permissions for others, whatever umask was inherited."""
    before = os.umask(0o007 if shared else 0o077)
    try:
        yield
    finally:
        os.umask(before)


def share(path: Path, group: str) -> Path:
    """Create a journal shared by `group`, or share an existing one.

    Args:
        path: the journal's file, or the directory that is to hold it as journal.db.
        group: name of the group.

    Returns:
        The path of the journal's file.

    Raises:
        JournalUnavailable: there is no such group, or the directory holds other files, or we may not change it.
        OSError: the directory or the file cannot be created.
    """
    try:
        gid = grp.getgrnam(group).gr_gid
    except KeyError:
        raise JournalUnavailable(f"there is no group {group!r} on this machine") from None
    path = path / "journal.db" if path.is_dir() else path
    check_way(path, shared=path.parent.exists())
    check_file(path, path, shared=is_shared(path))
    _check_sharable(path)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _give(path.parent, gid, group, _SHARED_FOLDER)
    folder_of(path).mkdir(mode=0o700, exist_ok=True)
    _give(folder_of(path), gid, group, _APPROVALS)
    _create(path, shared=True)
    for side in _SIDES:
        if (file := path.with_name(path.name + side)).exists():
            _give(file, gid, group, 0o660)
    return path


def device_and_inode(path: Path) -> tuple[int, int] | None:
    """Device and inode of a file; None if it does not exist."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _create(path: Path, *, shared: bool) -> None:
    with contextlib.suppress(FileExistsError), umask(shared=shared):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o660 if shared else 0o600))


def _check_folder(path: Path, *, shared: bool) -> None:
    folder = path.parent
    if not shared:
        return
    for place, due, rule in (
        (folder, _SHARED_FOLDER, "a shared journal's directory has mode 2770"),
        (folder_of(path), _APPROVALS, "approvals need mode 3770"),
    ):
        mode = stat.S_IMODE(place.stat().st_mode)
        if mode & _WORLD or mode & due != due:
            raise JournalUnavailable(f"journal {path}: {rule}, not {mode:o}: chmod {due:o} {place}")


def _check_file(path: Path, file: Path, *, shared: bool) -> None:
    found = check_file(path, file, shared=shared)
    if found is None:
        return
    mode = stat.S_IMODE(found.st_mode)
    if not shared and mode & 0o077:
        others = "any user" if mode & _WORLD else f"group {_group(found.st_gid)}"
        raise JournalUnavailable(
            f"journal {path}: it is personal, but {others} may use {file.name} (mode {mode:o}): chmod 600 {file}, "
            f"or share it: warroom journal init --group GROUP {path}"
        )
    if mode & _WORLD:
        raise JournalUnavailable(f"journal {path}: any user may use {file.name} (mode {mode:o}): chmod 660 {file}")
    if shared and found.st_gid != (gid := path.parent.stat().st_gid):
        raise JournalUnavailable(
            f"journal {path}: {file.name} belongs to group {_group(found.st_gid)}, its directory to {_group(gid)}: "
            f"chgrp {_group(gid)} {file}"
        )


def _check_sharable(path: Path) -> None:
    """Raise JournalUnavailable if the directory holds other files, which would be shared too."""
    folder = path.parent
    if not folder.exists():
        return
    ours = {path.name + side for side in _SIDES} | {folder_of(path).name}
    if others := sorted({entry.name for entry in folder.iterdir()} - ours):
        raise JournalUnavailable(f"{folder} holds other files ({others[0]}): give the journal a directory of its own")


def _give(what: Path, gid: int, group: str, mode: int) -> None:
    """Change group and mode of a file. Raises JournalUnavailable if we may not."""
    try:
        os.chown(what, -1, gid)
        what.chmod(mode)
    except PermissionError as error:
        raise JournalUnavailable(
            f"{what} cannot be given to group {group}: {error.strerror}; are you its owner and a member?"
        ) from None
    if stat.S_IMODE(what.stat().st_mode) != mode:
        raise JournalUnavailable(f"{what} cannot be given to group {group}: you are not a member of it")


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
