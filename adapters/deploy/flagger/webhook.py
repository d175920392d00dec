"""Questions of Flagger to a webhook: which Canary each is about. Source: Flagger, "Webhooks" (payload)."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, ValidationError

from adapters.contract import BadReply

LARGEST_BYTES = 64 * 1024
"""A larger question is not read; its own metadata is all that can make one large."""


class WebhookPayload(BaseModel):
    """The payload, as far as it is used. Its phase is no help: at two of the gates it always says Progressing."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str
    namespace: str
    checksum: str = ""
    metadata: dict[str, str] | None = None


def parse_payload(source: str, gate: str, body: bytes) -> WebhookPayload:
    """Parse a question. Raises BadReply."""
    try:
        return WebhookPayload.model_validate_json(body[:LARGEST_BYTES])
    except ValidationError:
        raise BadReply(source, gate, "not a webhook call of Flagger") from None
