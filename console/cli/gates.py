"""`warroom watch --gates`: answer gate webhooks from the open rollout."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.cli.output import print_err
from console.gate_server import GateServer

if TYPE_CHECKING:
    from console.engine.engine import Engine
    from console.engine.gate_webhooks import GateResponse

TOKEN_VARIABLE = "WARROOM_GATE_TOKEN"  # noqa: S105 - the name of a variable, not a token
_LOOPBACK = "127.0.0.1"
_YES = 200
_NUMBER = re.compile(r"(?<![\w.:-])[-+]?\d[\d.,]*(?:x|%|m?s)?(?!\w)")
"""A number within a reason. It changes with every measurement, while the reason stays the same."""


@dataclass(frozen=True, slots=True)
class GateAddress:
    """Host and port to listen on."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_private(self) -> bool:
        """True where only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def parse_address(text: str) -> GateAddress:
    """The address in `22800` (this machine alone), `10.0.0.5:22800` or `[::1]:22800`. Raises ValueError."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") or _LOOPBACK
    if not port.isdigit() or not 0 <= int(port) <= 65_535:
        raise ValueError(f"{text!r} is not PORT or ADDRESS:PORT")
    return GateAddress(host, int(port))


def token_from_environment() -> str | None:
    """The token that a webhook must carry, from the environment; None where none is required."""
    return os.environ.get(TOKEN_VARIABLE, "").strip() or None


class GateFront:
    """Answers gate webhooks, with 403 while no rollout is open; reports a refusal once, until its reason changes."""

    def __init__(self) -> None:
        self._engine: Engine | None = None
        self._print: Callable[[str], None] = lambda _line: None
        self._last_reasons: dict[tuple[str, str], str] = {}
        """(target, gate) -> the reason of its last refusal, without the numbers."""

    def attach(self, engine: Engine, print_line: Callable[[str], None]) -> None:
        """Let `engine`, which has a rollout open, answer; `print_line` gets a line per refusal."""
        self._engine, self._print, self._last_reasons = engine, print_line, {}

    def detach(self) -> None:
        """Answer with 403 again: the rollout is closed."""
        self._engine = None

    async def answer(self, gate: str, body: bytes, token: str | None) -> tuple[int, str]:
        """(HTTP status, line) for one webhook: the handler of `console.gate_server.GateServer`."""
        if self._engine is None:
            return 403, "not now: no rollout is open"
        response = await self._engine.gate_responder.answer(gate, body, token)
        self._report(gate, response)
        return response.code, response.text

    def _report(self, gate: str, response: GateResponse) -> None:
        """Print a refusal that is new: the journal holds the grants only, and a refusal comes with every webhook."""
        key = (response.target, gate) if response.target else ("", str(response.code))
        if response.code == _YES:
            self._last_reasons.pop(key, None)
            return
        reason = response.text.removeprefix("not now: ")
        steady = _NUMBER.sub("#", reason)
        if self._last_reasons.get(key) == steady:
            return
        self._last_reasons[key] = steady
        about = f"{response.target}: {gate}" if response.target else f"a question at {gate}"
        self._print(f"gate: {about} answered no: {reason}")


async def listen(front: GateFront, at: GateAddress) -> tuple[GateServer, int]:
    """(the listening server, its port, which differs from `at` only for port 0). Raises OSError."""
    if not at.is_private and token_from_environment() is None:
        print_err(f"warroom: every host that reaches {at} can ask; set {TOKEN_VARIABLE} to require a token")
    server = GateServer(front.answer)
    return server, await server.listen(at.host, at.port)
