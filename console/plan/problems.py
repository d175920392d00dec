"""Problems of a plan file, with suggestions for misspelled names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field

from adapters.sanitize import one_line

Path = tuple[str | int, ...]
"""A position in the plan: mapping keys and list positions (0-based), outermost first."""


@dataclass(frozen=True)
class Problem:
    """One fault that makes a plan unusable, in terms of its file."""

    file: str
    line: int
    """1-based: the line of the key or value itself."""
    path: str
    """Such as `stages[1].set.api`; empty for the file as a whole."""
    found: str
    """The value there, as text; empty if there is none, or if it might be a secret."""
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: " + (f"{self.path}: " if self.path else "")
        bare = self.found.strip("'")
        included = not self.found or self.found in self.message or (len(bare) > 3 and bare in self.message)
        found = "" if included else f", found {self.found}"
        return f"{where}{self.message}{found}" + (f"; {self.hint}" if self.hint else "")


class PlanError(Exception):
    """A plan cannot be used; has all its problems in file order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line))
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


@dataclass
class Findings:
    """The problems found so far in one file.

    Only the first problem of a position is kept; later ones are usually its consequences.
    """

    file: str
    problems: list[Problem] = field(default_factory=list)
    _places: set[tuple[int, str]] = field(default_factory=set)

    def add(self, line: int, path: Path, message: str, *, found: str = "", hint: str | None = None) -> None:
        """Add a problem, unless its position already has one."""
        place = (line, spell(path))
        if place in self._places:
            return
        self._places.add(place)
        shown = one_line(found, 80), one_line(message), one_line(hint) if hint else None
        self.problems.append(Problem(one_line(self.file), line, place[1], *shown))

    def raise_if_any(self) -> None:
        """Raise PlanError with all problems, if there are any."""
        if self.problems:
            raise PlanError(self.problems)


def spell(path: Path) -> str:
    """A path as text: `("stages", 1, "set")` is `stages[1].set`."""
    spelled = ""
    for part in path:
        if isinstance(part, int):
            spelled += f"[{part}]"
        else:
            spelled += ("." if spelled else "") + one_line(part, 64)
    return spelled


def nearest(word: str, names: Iterable[str]) -> str | None:
    """The name in `names` most similar to `word`, or None."""
    if len(word) > 64:
        return None
    candidates = {name.lower(): name for name in list(names)[:300]}
    near = difflib.get_close_matches(word.lower(), candidates, n=1, cutoff=0.6)
    return candidates[near[0]] if near else None


def suggestion(word: str, names: Iterable[str]) -> str | None:
    """A hint for an unknown `word`: the most similar name, or all."""
    known = list(names)
    near = nearest(word, known)
    if near is not None:
        return f"did you mean {near!r}?"
    if not known:
        return None
    more = ", ..." if len(known) > 8 else ""
    return f"there {'is' if len(known) == 1 else 'are'}: {', '.join(known[:8])}{more}"
