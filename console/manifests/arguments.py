"""Fill in arguments of Argo (`{{args.x}}`) and Flagger (`{{ namespace }}`). Nothing is executed.

Only a plain name within braces is filled in. Anything else in braces (a function, a condition, a name without a
value) makes the text unusable, and the error names it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from adapters.sanitize import one_line

BRACES = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.DOTALL)


class UnknownArgument(ValueError):
    """A text with an argument that the manifests give no value. One plain line."""


@dataclass(frozen=True, slots=True)
class MissingValue:
    """An argument that is declared, and whose value the manifests do not hold."""

    why: str
    there: bool = False
    """The cluster has a value for it."""


Arguments = Mapping[str, str | MissingValue]
"""Name in braces, spelled as it is written there -> its value."""


def fill_in(text: str, arguments: Arguments) -> str:
    """`text` with every name in braces replaced by its value. Raises UnknownArgument where there is none."""

    def value(found: re.Match[str]) -> str:
        name = re.sub(r"\s+", " ", found[1])
        known = arguments.get(name.removeprefix("."), arguments.get(name))
        if known is None:
            raise UnknownArgument(f"{{{{{one_line(name, 60)}}}}} has no value in the manifests")
        if isinstance(known, MissingValue):
            raise UnknownArgument(f"{{{{{one_line(name, 60)}}}}} {known.why}")
        return known

    return BRACES.sub(value, text)
