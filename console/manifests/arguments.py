"""Arguments put into a manifest's texts: `{{args.x}}` of Argo, `{{ namespace }}` of Flagger. Nothing is executed.

Only a plain name within braces is put in. Whatever else stands in braces (a function, a condition, a name nobody
gives) makes the text unusable, and is named.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from adapters.sanitize import one_line

BRACES = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.DOTALL)


class UnknownArgument(ValueError):
    """A text that needs what the manifests do not say. One plain line."""


@dataclass(frozen=True, slots=True)
class MissingValue:
    """An argument that is named and has no value that could be put in."""

    why: str
    there: bool = False
    """The cluster has one: what stands in braces means something there."""


Arguments = Mapping[str, str | MissingValue]
"""What may stand in braces, spelled as it is written there -> what is put in."""


def fill_in(text: str, arguments: Arguments) -> str:
    """`text` with everything in braces put in.

    Raises:
        NotKnown: something in braces has no value.
    """

    def value(found: re.Match[str]) -> str:
        name = re.sub(r"\s+", " ", found[1])
        known = arguments.get(name.removeprefix("."), arguments.get(name))
        if known is None:
            raise UnknownArgument(f"{{{{{one_line(name, 60)}}}}} has no value in the manifests")
        if isinstance(known, MissingValue):
            raise UnknownArgument(f"{{{{{one_line(name, 60)}}}}} {known.why}")
        return known

    return BRACES.sub(value, text)
