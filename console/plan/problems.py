"""What is wrong with a plan file, and the names that were probably meant. Finding out is for the other modules."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field

from adapters.sanitize import one_line

Path = tuple[str | int, ...]
"""Where in the plan: mapping keys and list positions (0-based), outermost first."""


@dataclass(frozen=True)
class Problem:
    """One thing that keeps a plan from being used, in the words of the person who wrote it."""

    file: str
    line: int
    """1-based: the line of the key or value itself."""
    path: str
    """`stages[1].set.api`; empty when it is about the file as a whole."""
    found: str
    """What stands there, as it is shown; empty when nothing does, or when it might be a secret."""
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: " + (f"{self.path}: " if self.path else "")
        bare = self.found.strip("'")
        told = not self.found or self.found in self.message or (len(bare) > 3 and bare in self.message)
        found = "" if told else f", found {self.found}"
        return f"{where}{self.message}{found}" + (f"; {self.hint}" if self.hint else "")


class PlanError(Exception):
    """A plan that cannot be used: every problem at once, in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line))
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


@dataclass
class Findings:
    """The problems found so far in one file. The first thing said about a place stands; later ones are its echo."""

    file: str
    problems: list[Problem] = field(default_factory=list)
    _places: set[tuple[int, str]] = field(default_factory=set)

    def add(self, line: int, path: Path, message: str, *, found: str = "", hint: str | None = None) -> None:
        """Note one problem, unless something was already said about that place."""
        place = (line, spell(path))
        if place in self._places:
            return
        self._places.add(place)
        self.problems.append(
            Problem(
                one_line(self.file),
                line,
                place[1],
                one_line(found, 80),
                one_line(message),
                one_line(hint) if hint else None,
            )
        )

    def raise_if_any(self) -> None:
        """Raise PlanError with everything noted."""
        if self.problems:
            raise PlanError(self.problems)


def spell(path: Path) -> str:
    """A path as it is written: `("stages", 1, "set")` is `stages[1].set`."""
    spelled = ""
    for part in path:
        if isinstance(part, int):
            spelled += f"[{part}]"
        else:
            spelled += ("." if spelled else "") + one_line(part, 64)
    return spelled


def nearest(word: str, names: Iterable[str]) -> str | None:
    """The one of `names` that was probably meant by `word`, or None."""
    if len(word) > 64:
        return None
    candidates = {name.lower(): name for name in list(names)[:300]}
    near = difflib.get_close_matches(word.lower(), candidates, n=1, cutoff=0.6)
    return candidates[near[0]] if near else None


def suggestion(word: str, names: Iterable[str]) -> str | None:
    """A hint after an unknown `word`: the nearest of `names`, or else what there is to choose from."""
    known = list(names)
    near = nearest(word, known)
    if near is not None:
        return f"did you mean {near!r}?"
    if not known:
        return None
    more = ", ..." if len(known) > 8 else ""
    return f"there {'is' if len(known) == 1 else 'are'}: {', '.join(known[:8])}{more}"
