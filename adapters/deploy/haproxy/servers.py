"""Read the servers and the traffic share of one HAProxy process.

Here: the tables of `show servers state`, `show stat` and `show info`, parsed, and the arithmetic of weights. Pure: no
network. Wire formats: HAProxy's management guide, sections 9.1 (CSV) and 9.3.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass

_MAINTENANCE = 0x23
"""srv_admin_state: forced, inherited, or the address did not resolve."""
_DRAIN = 0x18
"""srv_admin_state: forced or inherited."""
_STOPPED = "0"
_YOUNG_S = 900
"""A process younger than this whose weights are the configured ones has probably just lost its runtime weights."""


@dataclass(frozen=True, slots=True)
class ServerState:
    """One server of a backend, as one process sees it."""

    name: str
    weight: int
    initial: int
    """The weight its configuration gives it."""
    up: bool
    out: str
    """The reason why it gets no new traffic whatever its weight ("drained"), or "" when the weight counts."""
    check: str
    """The result of its last health check, where it is DOWN."""

    @property
    def share(self) -> int:
        """The weight that counts."""
        return 0 if self.out else self.weight

    @property
    def note(self) -> str:
        """A remark on an abnormal state, or ""."""
        if self.out:
            return f"{self.name} is {self.out}"
        down = f"{self.name} DOWN: {self.check}" if self.check else f"{self.name} DOWN"
        return "" if self.up else down


@dataclass(frozen=True, slots=True)
class NodeReading:
    """The two servers of a target on one node, and the others."""

    node: str
    canary: ServerState
    baseline: ServerState
    others: tuple[ServerState, ...]
    """Servers outside the plan that take traffic."""
    uptime_s: int

    @property
    def percent(self) -> float:
        """The canary's configured share of all new traffic, 0..100."""
        whole = self.canary.share + self.baseline.share + sum(other.share for other in self.others)
        return 100 * self.canary.share / whole if whole else 0.0

    @property
    def is_degraded(self) -> bool:
        """Whether one of the two servers is DOWN."""
        return any(not server.up and not server.out for server in (self.canary, self.baseline))

    @property
    def problem(self) -> str | None:
        """The reason why this node cannot be driven, or None. A canary without weight reads as 0 %."""
        if not self.canary.share and not self.baseline.share:
            return f"neither {self.canary.name} nor {self.baseline.name} takes traffic"
        if self.canary.share and self.others:
            return f"servers outside the plan take traffic: {self._others()}"
        return None

    def notes(self) -> list[str]:
        """List remarks to show beside the weights."""
        notes = [server.note for server in (self.canary, self.baseline) if server.note]
        if self.others and not self.canary.share:
            notes.append(f"outside the plan: {self._others()}")
        if self.uptime_s < _YOUNG_S and all(one.weight == one.initial for one in (self.canary, self.baseline)):
            age = f"{self.uptime_s} s" if self.uptime_s < 120 else f"{self.uptime_s // 60} min"
            notes.append(f"haproxy started {age} ago, weights are the configured ones")
        return notes

    def _others(self) -> str:
        return ", ".join(f"{other.name} {other.weight}" for other in self.others)


class NotATable(ValueError):
    """An answer that is not the table HAProxy documents. One plain line, holding none of the answer."""


class NoSuchServer(LookupError):
    """A server the plan names is not in its backend. One plain line."""


def node_reading(node: str, canary: str, baseline: str, *, state: str, stat: str, info: str) -> NodeReading:
    """Join the answers to `show servers state`, `show stat` and `show info`.

    Raises:
        NotATable: a column is missing or holds no number.
        NoSuchServer: the canary or the baseline is not there; names the ones that are.
    """
    servers = {server.name: server for server in _servers(state, stat)}
    missing = [name for name in (canary, baseline) if name not in servers]
    if missing:
        raise NoSuchServer(f"no server {missing[0]} (there are: {', '.join(sorted(servers)) or 'none'})")
    others = tuple(server for name, server in servers.items() if name not in (canary, baseline) and server.share)
    return NodeReading(node, servers[canary], servers[baseline], others, _uptime_s(info))


def _servers(state: str, stat: str) -> list[ServerState]:
    lines = state.splitlines()
    if len(lines) < 2 or lines[0] != "1" or not lines[1].startswith("# "):
        raise NotATable("show servers state: not a table of version 1")
    columns = lines[1][2:].split()
    health = _health(stat)
    servers = []
    for line in lines[2:]:
        row = dict(zip(columns, line.split(" "), strict=False))
        if not line:
            continue
        try:
            name, admin = row["srv_name"], int(row["srv_admin_state"])
            weight, initial, up = int(row["srv_uweight"]), int(row["srv_iweight"]), row["srv_op_state"] != _STOPPED
        except (KeyError, ValueError) as error:
            raise NotATable(f"show servers state: {type(error).__name__} in a row") from error
        backup, check = health.get(name, (False, ""))
        servers.append(ServerState(name, weight, initial, up, _out(admin, backup), "" if up else check))
    return servers


def _out(admin: int, backup: bool) -> str:
    if admin & _MAINTENANCE:
        return "in maintenance"
    if admin & _DRAIN:
        return "drained"
    return "a backup server" if backup else ""


def _health(stat: str) -> dict[str, tuple[bool, str]]:
    """Server name -> (is a backup server, last check in words)."""
    if not stat.startswith("# "):
        raise NotATable("show stat: not a table")
    health = {}
    for row in csv.DictReader(stat[2:].strip().splitlines()):
        if row.get("bck") is None or row.get("svname") is None:
            raise NotATable("show stat: a column is missing")
        words = [row.get(column) or "" for column in ("check_desc", "last_chk")]
        health[row["svname"]] = (row["bck"] == "1", ", ".join(word for word in words if word))
    return health


def _uptime_s(info: str) -> int:
    for line in info.splitlines():
        key, _, value = line.partition(":")
        if key == "Uptime_sec" and value.strip().isdecimal():
            return int(value)
    raise NotATable("show info: no uptime")
