"""The base of every backend over HTTP: its name, warnings, redaction and closing."""

from __future__ import annotations

from adapters.transport.client import Transport


class HttpBackend:
    """A backend that reaches its server through one transport."""

    def __init__(self, transport: Transport) -> None:
        self.source = transport.source
        self.transport = transport

    @property
    def cautions(self) -> tuple[str, ...]:
        """Warnings of the transport."""
        return self.transport.cautions

    def hide(self, text: str) -> str:
        """Redact the secrets that the transport knows."""
        return self.transport.hide(text)

    async def aclose(self) -> None:
        """Close the connections."""
        await self.transport.aclose()
