"""Identify the operator by uid, under sudo by the nearest ancestor's.

The environment (SUDO_USER, SSH_CLIENT) is recorded as a claim and never compared with anything.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import socket
from functools import lru_cache
from pathlib import Path

from adapters.sanitize import one_line
from console.events.evidence import Actor

_CLAIMS = ("SUDO_USER", "SSH_CLIENT", "SSH_CONNECTION")


def _parent_and_uid(pid: int) -> tuple[int, int] | None:
    """Parent process and real uid of `pid`, from /proc; None where there is no such file."""
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    try:
        return int(fields["PPid"]), int(fields["Uid"].split()[0])
    except (KeyError, ValueError, IndexError):
        return None


def operator_uid() -> int:
    """The uid that stands for the person: ours, or under sudo the nearest ancestor's that differs."""
    mine = os.getuid()
    if mine != 0 or "SUDO_UID" not in os.environ:
        return mine
    pid = os.getpid()
    for _ in range(64):
        found = _parent_and_uid(pid)
        if found is None:
            return mine
        pid, uid = found
        if uid != mine:
            return uid
        if pid <= 1:
            return mine
    return mine


def actor() -> Actor:
    """This process's operator."""
    uid = operator_uid()
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = f"uid {uid}"
    claims = {name: one_line(os.environ[name], 120) for name in _CLAIMS if os.environ.get(name)}
    return Actor(uid=uid, user=one_line(user, 64), host=_host(), pid=os.getpid(), claims=claims)


@lru_cache(maxsize=64)
def groups_of(user: str) -> frozenset[str]:
    """Names of the Unix groups of a user of this host; empty for a user it does not know."""
    try:
        numbers = os.getgrouplist(user, pwd.getpwnam(user).pw_gid)
    except (KeyError, OSError, ValueError):
        return frozenset()
    found = set()
    for number in numbers:
        with contextlib.suppress(KeyError):
            found.add(grp.getgrgid(number).gr_name)
    return frozenset(found)


def is_dead(actor: Actor) -> bool:
    """Whether the process of `actor` is certainly gone from this host."""
    if actor.host != _host():
        return False
    try:
        os.kill(actor.pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):  # it exists and belongs to another user, or is no process
        return False
    return False


def _host() -> str:
    return one_line(socket.gethostname(), 64)
