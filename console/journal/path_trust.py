"""Who could put another file in the journal's place: owners, links and folders on the way to it.

A file is the journal's only if no other user made it or can replace it. In a folder that every user may write, such as
/tmp, the sticky bit keeps others from replacing a file, but not from making it first. Access control lists are not
looked at.
"""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Iterator
from pathlib import Path

from adapters.sanitize import one_line
from console.journal.contract import JournalUnavailable

_MOST_LINKS = 40
"""Links on the way to a journal, as the kernel limits them."""


def check_way(journal: Path, *, shared: bool) -> None:
    """Check every existing folder and link on the way to a journal.

    Raises:
        JournalUnavailable: another user could replace the journal's folder; the line says what to do.
        OSError: a folder cannot be read.
    """
    trusted = _trusted_users()
    if shared:  # its owner has given it to the group, and may do with it as they like
        trusted.add(journal.parent.stat().st_uid)
    for place, found, is_open in _components(journal.parent):
        works_there = os.geteuid() == 0 and not is_open  # root works in the folders of others
        if not works_there and found.st_uid not in trusted:
            raise JournalUnavailable(
                f"journal {journal}: {place} belongs to {user_name(found.st_uid)}, who could replace the journal: "
                "use a folder of your own"
            )
        if is_writable_by_all(found) and not found.st_mode & stat.S_ISVTX:
            mode = stat.S_IMODE(found.st_mode)
            raise JournalUnavailable(f"journal {journal}: any user may replace it (mode {mode:o}): chmod o-w {place}")


def check_file(journal: Path, file: Path, *, shared: bool, reading: bool = False) -> os.stat_result | None:
    """Check type, links and owner of the journal's file, or of one beside it; None if it does not exist.

    Args:
        journal: the path of the journal, for the message.
        file: the file to check.
        shared: whether the journal is shared with a group, of which each member makes files.
        reading: whether it is only read: then it may be another user's, if only its owner can have put it there.

    Raises:
        JournalUnavailable: it is no plain file of this user; the line says what to do.
        OSError: its folder cannot be read.
    """
    try:
        found = file.lstat()
    except FileNotFoundError:
        return None
    if stat.S_ISLNK(found.st_mode):
        where = one_line(file.readlink(), 200)
        raise JournalUnavailable(
            f"journal {journal}: {file.name} is a link to {where}: give the path of the file itself"
        )
    if not stat.S_ISREG(found.st_mode):
        raise JournalUnavailable(f"journal {journal}: {file.name} is not a file: give another path")
    if found.st_nlink > 1:
        raise JournalUnavailable(
            f"journal {journal}: {file.name} has {found.st_nlink} names (hard links): remove the others, or copy it"
        )
    if not shared and not _may_own(found.st_uid, file.parent.stat(), reading=reading):
        raise JournalUnavailable(
            f"journal {journal}: {file.name} belongs to {user_name(found.st_uid)}, not to you: give another path, or "
            "share it: warroom journal init --group GROUP PATH"
        )
    return found


def _may_own(uid: int, folder: os.stat_result, *, reading: bool) -> bool:
    """Whether a file of `uid` in `folder` may be the personal journal of this user.

    It is their own; root works with those of the folder's owner too.
    """
    if is_writable_by_all(folder):
        return uid in _trusted_users()
    if os.geteuid() == 0:
        return uid in _trusted_users() | {folder.st_uid}
    return reading or uid == os.geteuid()


def is_writable_by_all(found: os.stat_result) -> bool:
    """Whether every user may make entries in a folder."""
    return stat.S_ISDIR(found.st_mode) and bool(found.st_mode & stat.S_IWOTH)


def user_name(uid: int) -> str:
    """The name of a user of this host, or their number."""
    try:
        return one_line(pwd.getpwuid(uid).pw_name, 64)
    except KeyError:
        return f"uid {uid}"


def _trusted_users() -> set[int]:
    """Users that may replace the journal: this one, root, and under sudo the one who called it."""
    trusted = {0, os.geteuid(), Path("/").stat().st_uid}
    called_by = os.environ.get("SUDO_UID", "")
    if os.geteuid() == 0 and called_by.isascii() and called_by.isdigit():
        trusted.add(int(called_by))
    return trusted


def _components(folder: Path) -> Iterator[tuple[Path, os.stat_result, bool]]:
    """The folders and links from the root to `folder`, up to the first that does not exist.

    Each with whether the folder that it is in can be written by all.
    """
    place, left = Path("/"), list(folder.parts[1:])
    above = place.lstat()
    yield place, above, False
    links = 0
    while left:
        name = left.pop(0)
        if name == "..":
            place = place.parent
            above = place.lstat()
            continue
        place = place / name
        try:
            found = place.lstat()
        except FileNotFoundError:
            return
        yield place, found, is_writable_by_all(above)
        if stat.S_ISLNK(found.st_mode):
            links += 1
            if links > _MOST_LINKS:
                raise JournalUnavailable(f"journal {folder}: too many links on the way to it: give another path")
            target = place.readlink()
            place = Path("/") if target.is_absolute() else place.parent
            left = [*target.parts[1 if target.is_absolute() else 0 :], *left]
            found = place.lstat()
        above = found
