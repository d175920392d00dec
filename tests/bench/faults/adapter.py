"""The adapter `counting`: drives the fake backend over the product's own transport.

A write is one PUT, declared not repeatable: a console that sends it twice makes the fake backend count two.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from adapters import registry
from adapters.contract import BadReply, Capabilities, Context, Kind, Permit, Phase, Setting, TargetReading, TargetRef
from adapters.transport import HttpOptions, Reply, Transport

KINDS = (Kind.DEPLOY,)


class Options(HttpOptions):
    """The fake backend's URL; its path names the world."""


def connect(options: Options, context: Context) -> CountingBackend:
    """The backend of these options; sends nothing."""
    return CountingBackend(options, context)


@contextlib.contextmanager
def register_adapter() -> Iterator[None]:
    """Let plans name the adapter `counting` within the block."""
    before = dict(registry.BUILT_IN)
    registry.BUILT_IN["counting"] = __name__
    try:
        yield
    finally:
        registry.BUILT_IN.clear()
        registry.BUILT_IN.update(before)


class CountingBackend:
    """The deploy targets of one world."""

    def __init__(self, options: Options, context: Context) -> None:
        self.source = context.source
        self._clock = context.clock
        self._transport = Transport(
            context.source,
            options,
            authorization=options.authorization(context.source),
            read_deadline_s=context.read_deadline_s,
            write_deadline_s=context.write_deadline_s,
        )

    async def aclose(self) -> None:
        await self._transport.aclose()

    def capabilities(self, target: TargetRef) -> Capabilities:
        return Capabilities()

    async def read_target(self, target: TargetRef) -> TargetReading:
        percent = _percent(await self._transport.read("GET", f"/{target.name}"))
        return TargetReading(target.target, self._clock.now(), percent, phase=Phase.HEALTHY)

    def calls(self, target: TargetRef, setting: Setting) -> tuple[str, ...]:
        return (f"PUT /{target.name} {setting}",)

    async def set_weight(self, target: TargetRef, percent: int, permit: Permit) -> None:
        body = {"percent": percent}
        _percent(await self._transport.write("PUT", f"/{target.name}", permit=permit, verb="set_weight", json=body))


def _percent(reply: Reply) -> float:
    found = reply.json()
    percent = found.get("percent") if isinstance(found, dict) else None
    if not isinstance(percent, int | float):
        raise BadReply(reply.source, reply.verb, "the answer has no percent")
    return float(percent)
