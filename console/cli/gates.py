"""`watch --gates`: where the backends that ask are answered, and by which rollout."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.cli.say import tell
from console.gatehouse.server import Gatehouse

if TYPE_CHECKING:
    from console.engine.engine import Engine

TOKEN = "WARROOM_GATE_TOKEN"  # noqa: S105 - the name of a variable, not a token
_LOOPBACK = "127.0.0.1"


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


class Desk:
    """Answers for the rollout that is open, and with no while none is."""

    def __init__(self) -> None:
        self.engine: Engine | None = None

    async def answer(self, gate: str, body: bytes, shown: str | None) -> tuple[int, str]:
        """As `console.gatehouse.server.Answer`."""
        if self.engine is None:
            return 403, "not now: no rollout is open"
        said = await self.engine.door.answer(gate, body, shown)
        return said.code, said.text


async def listen(desk: Desk, at: Address) -> tuple[Gatehouse, int]:
    """Answer at an address; the port too, which is another one only for port 0. Raises OSError."""
    if not at.is_private and token() is None:
        tell(f"warroom: whoever reaches {at} can ask; set {TOKEN} to let in only who shows it")
    house = Gatehouse(desk.answer)
    return house, await house.listen(at.host, at.port)
