"""Marks of rollouts as tags of a feature, of the type `simple` that every Unleash has.

A tag belongs to the feature as a whole, whatever the environment. Its value takes 2 to 50 characters. Source: Unleash's
admin API, /api/admin/features/F/tags.
"""

from __future__ import annotations

import asyncio
import contextlib
from urllib.parse import quote

from pydantic import BaseModel, Field, ValidationError

from adapters.contract import BackendError, BadReply, Clock, Forbidden, Missing, Moved, Permit
from adapters.sanitize import first_flaw, one_line
from adapters.transport import Transport

_TYPE = "simple"
_PREFIX = "warroom "
"""Tells a mark from the other tags of its type."""
_LONGEST = 50
_MOST = 8
_KEPT_S = 30.0
"""How long tags are kept while the flag reads the same: each read of them is one more request."""


class FeatureTag(BaseModel):
    """One tag."""

    type: str
    value: str


class TagsAnswer(BaseModel):
    """The answer to `GET /api/admin/features/F/tags`."""

    tags: list[FeatureTag] = Field(default_factory=list)


class FeatureMarks:
    """Reads and writes the marks of features."""

    def __init__(self, transport: Transport, clock: Clock) -> None:
        self._transport = transport
        self._clock = clock
        self._known: dict[str, tuple[float, tuple[str, ...]]] = {}
        """Feature -> (the time until which its marks are kept, they themselves)."""
        self._are_readable = True

    def forget(self, feature: str) -> None:
        """Have the marks of a feature read anew: it has changed."""
        self._known.pop(feature, None)

    async def marks_of(self, feature: str, within_s: float) -> tuple[str, ...]:
        """List a feature's marks. Empty where tags may not be read, the last known ones where a read fails."""
        until, marks = self._known.get(feature, (float("-inf"), ()))
        if not self._are_readable or self._clock.monotonic() < until:
            return marks
        try:
            async with asyncio.timeout(within_s):
                marks = await self._read(feature)
        except (Forbidden, Missing):
            self._are_readable = False
        except (BackendError, TimeoutError):
            return marks
        self._known[feature] = (self._clock.monotonic() + _KEPT_S, marks)
        return marks

    async def add(self, feature: str, text: str, permit: Permit) -> None:
        """Tag a feature with a mark, unless it has it. Raises BackendError."""
        value = _tag_value(text)
        tag = {"type": _TYPE, "value": value}
        with contextlib.suppress(Moved):  # 409: it has this tag already
            await self._transport.write("POST", _path(feature), permit=permit, verb="mark", json=tag)
        self.forget(feature)

    async def remove(self, feature: str, text: str, permit: Permit) -> None:
        """Remove the tag of a mark. Raises BackendError."""
        path = f"{_path(feature)}/{_TYPE}/{quote(_tag_value(text), safe='')}"
        with contextlib.suppress(Missing):  # it is gone, or was never there
            await self._transport.write("DELETE", path, permit=permit, verb="unmark")
        self.forget(feature)

    async def _read(self, feature: str) -> tuple[str, ...]:
        value = (await self._transport.read("GET", _path(feature))).json()
        try:
            found = TagsAnswer.model_validate(value).tags
        except ValidationError as error:
            raise BadReply(self._transport.source, "read", f"no tags of Unleash: {first_flaw(error)}") from None
        values = [tag.value for tag in found if tag.type == _TYPE and tag.value.startswith(_PREFIX)]
        return tuple(one_line(value.removeprefix(_PREFIX), _LONGEST) for value in values[:_MOST])


def _path(feature: str) -> str:
    return f"/api/admin/features/{quote(feature, safe='')}/tags"


def _tag_value(text: str) -> str:
    """The value of a mark's tag: its beginning, as far as a tag holds it."""
    return (_PREFIX + text)[:_LONGEST].rstrip()
