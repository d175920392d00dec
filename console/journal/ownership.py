"""Owner, type and links of a journal's files and of the folders up their path.

Another user must not be able to plant or replace a file that is opened here. Folders up the path belong to this user or
to root; others may write into them only under the sticky bit. Root opens any user's journal, as under sudo, but in a
folder that all users may write only its own and its sudo user's files.
"""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Set
from pathlib import Path

from console.journal.contract import JournalUnavailable

_MOST_LINKS = 40
"""Symbolic links on the way to a folder; the kernel follows no more either."""


def check_folders(path: Path, *, shared: bool = False) -> None:
    """Check every existing folder above `path`; links to folders are followed.

    Args:
        path: a file that need not exist.
        shared: whether the folder's owner is trusted with the folders above too, as members of its group do.

    Raises:
        JournalUnavailable: another user could replace a folder, or a link leads nowhere.
        OSError: a folder cannot be examined.
    """
    owners = _trusted_owners() | ({path.parent.stat().st_uid} if shared else set())
    parts, folder, links = list(path.parent.absolute().parts[1:]), Path("/"), 0
    while True:
        _check_writers(path, folder)
        if not parts:
            return
        part = parts.pop(0)
        if part == "..":
            folder = folder.parent
            continue
        entry = folder / part
        try:
            found = entry.lstat()
        except FileNotFoundError:
            return
        if found.st_uid not in owners and (os.geteuid() != 0 or _all_may_write(folder)):
            raise JournalUnavailable(
                f"journal {path}: {entry} belongs to {_user(found.st_uid)}, who could replace it: chown it to yourself "
                "or to root, or keep the journal elsewhere (--journal PATH)"
            )
        if not stat.S_ISLNK(found.st_mode):
            folder = entry
            continue
        links += 1
        if links > _MOST_LINKS or not entry.exists():
            raise JournalUnavailable(f"journal {path}: {entry} is a link that leads nowhere: remove it")
        target = entry.readlink()
        parts = [*target.parts[1 if target.is_absolute() else 0 :], *parts]
        folder = Path("/") if target.is_absolute() else folder


def check_file(path: Path, file: Path, *, any_owner: bool = False) -> None:
    """Check type, links and owner of one of the files of the journal `path`, if it exists.

    Args:
        path: the journal, which the error names.
        file: the journal's file or one beside it.
        any_owner: whether any user's file is accepted, as in a folder that a group shares or to read only; still not in
            a folder that all users may write.

    Raises:
        JournalUnavailable: it is not safe to open; the line says what to do.
        OSError: it cannot be examined.
    """
    try:
        found = file.lstat()
    except FileNotFoundError:
        return
    if stat.S_ISLNK(found.st_mode):
        target = file.readlink()
        raise JournalUnavailable(
            f"journal {path}: {file.name} is a link to {target}: give that path, or remove the link"
        )
    if not stat.S_ISREG(found.st_mode):
        raise JournalUnavailable(f"journal {path}: {file.name} is not a regular file: give another path")
    if found.st_nlink > 1:
        raise JournalUnavailable(
            f"journal {path}: {file.name} has a second name (hard link), under which others may open it: "
            f"find -samefile {file} shows it; remove it"
        )
    planted = _all_may_write(file.parent) and found.st_uid not in _trusted_owners()
    if planted or (not any_owner and os.geteuid() not in (0, found.st_uid)):
        raise JournalUnavailable(
            f"journal {path}: {file.name} belongs to {_user(found.st_uid)}, not to you: remove it, or give another path"
        )


def _trusted_owners() -> Set[int]:
    """This user, root (the owner of "/", also in a user namespace), and the user who became root by sudo."""
    mine = os.geteuid()
    by_sudo = os.environ.get("SUDO_UID", "") if mine == 0 else ""
    return {0, mine, Path("/").stat().st_uid} | ({int(by_sudo)} if by_sudo.isdecimal() else set())


def _all_may_write(folder: Path) -> bool:
    return bool(folder.stat().st_mode & stat.S_IWOTH)


def _check_writers(path: Path, folder: Path) -> None:
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        raise JournalUnavailable(f"journal {path}: any user may replace it (mode {mode:o}): chmod o-w {folder}")


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
