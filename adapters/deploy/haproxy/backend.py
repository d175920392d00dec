"""The verbs of a HAProxy fleet: read and set every node.

This module decides which command lines are sent in which order, and how the answers of several nodes become one reading
or one error. Connections are in `node`, tables in `servers`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass

from adapters.contract.backends import Capabilities
from adapters.contract.context import Context, Permit
from adapters.contract.errors import BackendError, BadReply, HalfDone, Missing, OutcomeUnknown, Rejected
from adapters.contract.targets import Phase, Setting, TargetReading, TargetRef
from adapters.deploy.haproxy.node import HAProxyNode
from adapters.deploy.haproxy.servers import NodeReading, NoSuchServer, NotATable, node_reading
from adapters.sanitize import one_line

_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,200}")
"""Names that HAProxy accepts for a proxy or a server; anything else could be another command."""


@dataclass(frozen=True, slots=True)
class _Write:
    """One server's new weight."""

    backend: str
    server: str
    weight: int

    @property
    def line(self) -> str:
        """The command."""
        return f"set weight {self.backend}/{self.server} {self.weight}"

    def __str__(self) -> str:
        return f"{self.server} {self.weight}"


_Change = tuple[HAProxyNode, list[_Write], BackendError | None]
"""A node, the writes that it accepted, and the error after them."""


class HAProxy:
    """One or several HAProxy processes that carry the same backends."""

    def __init__(self, context: Context, nodes: Sequence[HAProxyNode]) -> None:
        self.source = context.source
        self._context = context
        self._nodes = tuple(nodes)
        self._baseline_idle: dict[str, bool] = {}
        """Backend -> whether its baseline carried nothing on some node when it was last read."""

    async def aclose(self) -> None:
        """Do nothing: no connection stays open between commands."""

    def capabilities(self, target: TargetRef) -> Capabilities:
        """The verbs of every target: weights only. HAProxy has no steps and never moves by itself."""
        where = f"on {len(self._nodes)} nodes" if len(self._nodes) > 1 else "at once"
        lost = "; lost when haproxy restarts"
        return Capabilities(
            repeatable=True,
            meaning={
                "promote": f"sets both weights {where}{lost}",
                "halt": "nothing is called: the weights stay as they are",
                "rollback": f"sets both weights back {where}{lost}",
            },
        )

    async def read_target(self, target: TargetRef) -> TargetReading:
        """Read the canary's configured share from every node.

        Percent is None where nodes differ. DEGRADED means that a server of the two is DOWN; a drained canary, or one in
        maintenance, reads as 0 % whatever its weight.

        Raises:
            Unreachable, TimedOut, Cut, BadReply: some node did not give a whole answer; it is named.
            Missing: some node has no such backend or server.
            Rejected: the plan's names cannot be sent.
        """
        canary, baseline = self._servers(target, "read")
        until = asyncio.get_running_loop().time() + self._context.read_deadline_s
        reads = (self._read_node(node, target.name, canary, baseline, until) for node in self._nodes)
        readings: list[NodeReading] = []
        for result in await asyncio.gather(*reads, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result
            readings.append(result)
        self._baseline_idle[target.name] = any(not reading.baseline.share for reading in readings)
        return self._fleet_reading(target, readings)

    def calls(self, target: TargetRef, setting: Setting) -> tuple[str, ...]:
        """List the command lines that `set_weight` sends, in order per node. Nodes are written in parallel."""
        try:
            writes = self._writes(target, setting.percent)
        except Rejected as error:
            return (error.reason,)
        return tuple(f"{node.prefix}{write.line}" for node in self._nodes for write in writes)

    async def set_weight(self, target: TargetRef, percent: int, permit: Permit) -> None:
        """Set both weights on every node, then read them back: canary `percent`, baseline 100 - `percent`.

        A node that fails does not keep the others from being set: on the way down that would leave traffic on the
        canary, on the way up no node is ever above `percent`.

        Raises:
            HalfDone: something was accepted and something else was not, or reads differently afterwards.
            Withdrawn, Unreachable, Forbidden, Missing, Rejected, TimedOut, Cut, BadReply: nothing was accepted.
        """
        writes = self._writes(target, percent)
        until = asyncio.get_running_loop().time() + self._context.write_deadline_s
        changes = await asyncio.gather(*(self._change(node, writes, permit, until) for node in self._nodes))
        errors = [error for _, _, error in changes if error is not None]
        self._baseline_idle[target.name] = percent == 100 or (
            bool(errors) and self._baseline_idle.get(target.name, True)
        )
        if not errors:
            return
        if any(accepted for _, accepted, _ in changes):
            failed_first = sorted(changes, key=lambda change: change[2] is None)
            raise HalfDone(self.source, "set_weight", one_line("; ".join(map(_change_text, failed_first))))
        raise next((error for error in errors if isinstance(error, OutcomeUnknown)), errors[0])

    async def _read_node(
        self, node: HAProxyNode, backend: str, canary: str, baseline: str, until: float
    ) -> NodeReading:
        state = await node.show(f"show servers state {backend}", until)
        stat = await node.show(f"show stat {backend} 4 -1", until)
        info = await node.show("show info", until)
        try:
            return node_reading(node.name, canary, baseline, state=state, stat=stat, info=info)
        except NotATable as error:
            raise BadReply(self.source, "read", f"{node.prefix}{error}") from error
        except NoSuchServer as error:
            raise Missing(self.source, "read", f"{node.prefix}backend {backend}: {one_line(error)}") from error

    def _fleet_reading(self, target: TargetRef, readings: Sequence[NodeReading]) -> TargetReading:
        percents = [reading.percent for reading in readings]
        agree = max(percents) - min(percents) < 0.5
        problem = next((reading.problem for reading in readings if reading.problem), None)
        if not agree:
            shares = ", ".join(f"{reading.node} {reading.percent:.3g} %" for reading in readings)
            problem = f"nodes disagree: {shares}"
        return TargetReading(
            target=target.target,
            at=self._context.clock.now(),
            percent=percents[0] if agree else None,
            phase=_phase(readings),
            detail=one_line(_detail(readings)),
            problem=one_line(problem) if problem else None,
        )

    async def _change(self, node: HAProxyNode, writes: Sequence[_Write], permit: Permit, until: float) -> _Change:
        accepted: list[_Write] = []
        try:
            for write in writes:
                await node.set(write.line, until, permit)
                accepted.append(write)
            for write in writes:
                reads = await node.weight(write.backend, write.server, until)
                if reads != write.weight:
                    reason = f"{node.prefix}{write.server} reads {reads} after it was set to {write.weight}"
                    raise HalfDone(self.source, "set_weight", reason)
        except BackendError as error:
            return node, accepted, error
        return node, accepted, None

    def _writes(self, target: TargetRef, percent: int | None) -> tuple[_Write, ...]:
        canary, baseline = self._servers(target, "set_weight")
        if percent is None or not 0 <= percent <= 100:
            raise Rejected(self.source, "set_weight", f"not sent: {percent} is not a percentage 0..100")
        to_canary = _Write(target.name, canary, percent)
        to_baseline = _Write(target.name, baseline, 100 - percent)
        # The canary's weight goes first in both directions: on the way up the share stays below `percent`, on the way
        # down it falls at once. Only where the baseline carries nothing must it come first, or for a moment no
        # request would be served.
        idle = self._baseline_idle.get(target.name, True)
        return (to_baseline, to_canary) if percent == 0 and idle else (to_canary, to_baseline)

    def _servers(self, target: TargetRef, verb: str) -> tuple[str, str]:
        if not target.canary or not target.baseline:
            raise Rejected(self.source, verb, f"not sent: {target.target} names no canary and baseline server")
        if target.canary == target.baseline:
            raise Rejected(self.source, verb, f"not sent: canary and baseline of {target.target} are the same server")
        for name in (target.name, target.canary, target.baseline):
            if _NAME.fullmatch(name) is None:
                raise Rejected(self.source, verb, f"not sent: {one_line(name, 60)!r} is not a name HAProxy accepts")
        return target.canary, target.baseline


def _change_text(change: _Change) -> str:
    """Describe one node's part of a half-done change: `canary 25 set; then Permission denied`."""
    node, accepted, error = change
    done = f"{node.prefix}{', '.join(map(str, accepted))} set"
    if error is None:
        return done
    return f"{done}; then {error.reason}" if accepted else error.reason


def _phase(readings: Sequence[NodeReading]) -> Phase:
    if any(reading.is_degraded for reading in readings):
        return Phase.DEGRADED
    if any(reading.canary.out for reading in readings):
        return Phase.ABORTED
    percents = [reading.percent for reading in readings]
    if max(percents) == 0:
        return Phase.PENDING
    return Phase.HEALTHY if min(percents) == 100 else Phase.PROGRESSING


def _detail(readings: Sequence[NodeReading]) -> str:
    """Format `weights 5/95` and the remarks. Each once, with the node where there are several."""
    several = len(readings) > 1
    weights = {f"{reading.canary.weight}/{reading.baseline.weight}" for reading in readings}
    first = f"weights {', '.join(sorted(weights))}" + (f" on {len(readings)} nodes" if several else "")
    notes = [f"{reading.node}: {note}" if several else note for reading in readings for note in reading.notes()]
    return "; ".join([first, *notes])
