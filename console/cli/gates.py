"""`watch --gates`: where the backends that ask are answered, and by which rollout."""

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

TOKEN = "WARROOM_GATE_TOKEN"  # noqa: S105 - the name of a variable, not a token
_LOOPBACK = "127.0.0.1"
_YES = 200
_NUMBER = re.compile(r"(?<![\w.:-])[-+]?\d[\d.,]*(?:x|%|m?s)?(?!\w)")
"""What in a reason changes with every measurement, and makes no other reason of it."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_private(self) -> bool:
        """Whether only this machine can ask."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def address(text: str) -> Address:
    """`22800` (this machine alone), `10.0.0.5:22800`, `[::1]:22800`. Raises ValueError with one plain line."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") or _LOOPBACK
    if not port.isdigit() or not 0 <= int(port) <= 65_535:
        raise ValueError(f"{text!r} is not PORT or ADDRESS:PORT")
    return Address(host, int(port))


def token() -> str | None:
    """What Flagger has to show, from the environment; None where nothing is asked for."""
    return os.environ.get(TOKEN, "").strip() or None


class GateFront:
    """Answers for the rollout that is open, and with no while none is. Says each no once, until its reason changes."""

    def __init__(self) -> None:
        self._engine: Engine | None = None
        self._say: Callable[[str], None] = lambda _line: None
        self._said: dict[tuple[str, str], str] = {}
        """Gate -> the last no that was said of it, without its numbers."""

    def opens(self, engine: Engine, say: Callable[[str], None]) -> None:
        """A rollout is open: `engine` answers, `say` takes a line for whoever watches."""
        self._engine, self._say, self._said = engine, say, {}

    def closes(self) -> None:
        """None is open any more."""
        self._engine = None

    async def answer(self, gate: str, body: bytes, shown: str | None) -> tuple[int, str]:
        """As `console.gate_server.Answer`."""
        if self._engine is None:
            return 403, "not now: no rollout is open"
        said = await self._engine.gate_responder.answer(gate, body, shown)
        self._tell(gate, said)
        return said.code, said.text

    def _tell(self, gate: str, said: GateResponse) -> None:
        """A yes is recorded, and told as everything that is; a no is not, and comes again with every question."""
        key = (said.target, gate) if said.target else ("", str(said.code))
        if said.code == _YES:
            self._said.pop(key, None)
            return
        reason = said.text.removeprefix("not now: ")
        steady = _NUMBER.sub("#", reason)
        if self._said.get(key) == steady:
            return
        self._said[key] = steady
        about = f"{said.target}: {gate}" if said.target else f"a question at {gate}"
        self._say(f"gate: {about} answered no: {reason}")


async def listen(desk: GateFront, at: Address) -> tuple[GateServer, int]:
    """Answer at an address; the port too, which is another one only for port 0. Raises OSError."""
    if not at.is_private and token() is None:
        print_err(f"warroom: whoever reaches {at} can ask; set {TOKEN} to let in only who shows it")
    house = GateServer(desk.answer)
    return house, await house.listen(at.host, at.port)
