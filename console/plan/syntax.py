"""The YAML library: its parser's events, and its syntax errors in plain words; a value is never quoted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import Event
from ruamel.yaml.reader import ReaderError

_CANNOT_START = re.compile(r"found character '(.+)' that cannot start any token")
_SWALLOWED = re.compile(r"""[^'"]*[\s\[{,]#\S""")
_QUOTE = "text that starts with it needs quotes"
_COLON = "check the indentation; text with ': ' in it needs quotes"
_COMMENT = "text with # in it needs quotes: from ' #' on the line is a comment"


def read_yaml_events(
    source: str, stop: Callable[[int], NoReturn], passing: tuple[type[Exception], ...] = (YAMLError,)
) -> Iterator[Event]:
    """Yield the events of `source`.

    Args:
        stop: called with the line of the last event for an error of any other kind; raises.
        passing: errors that are raised as they are.
    """
    line = 1
    events = YAML(typ="safe", pure=True).parse(source)
    while True:
        try:
            event = next(events, None)
        except passing:
            raise
        except Exception:  # the library lets Python's own errors out: chr() fails at "\UFFFFFFFF", split() at %YAML
            stop(line)
        if event is None:
            return
        line = int(event.end_mark.line) + 1
        yield event


def syntax_problem(error: YAMLError, text: str) -> tuple[int, str, str | None]:
    """(line, message, hint) for an error the YAML library raised while reading `text`."""
    if isinstance(error, ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return line, f"contains the character U+{int(error.character):04X}, which YAML does not allow", "remove it"
    if not isinstance(error, MarkedYAMLError) or error.problem_mark is None:
        return 1, "not valid YAML", None
    line = error.problem_mark.line + 1
    problem = str(error.problem)
    if match := _CANNOT_START.search(problem):
        char = match[1]
        if char in ("\t", "\\t"):
            return line, "a tab where YAML wants spaces", "indent with spaces"
        return line, f"a value cannot start with {char}", _QUOTE
    return _structure(error, problem, line, text.splitlines())


def _structure(error: MarkedYAMLError, problem: str, line: int, lines: list[str]) -> tuple[int, str, str | None]:
    if "incompatible YAML document" in problem:
        return line, "a plan is YAML 1.2", "remove the % line"
    if "mapping values are not allowed" in problem:
        return line, "a key and its value are not allowed here", _COLON
    start = line if error.context_mark is None else error.context_mark.line + 1
    since = "" if start == line else f" that starts on line {start}"
    if "quoted scalar" in str(error.context):
        ends = "unexpected end of" in problem or "document separator" in problem
        return (start, "a quote is opened and never closed", None) if ends else (line, f"in quotes: {problem}", None)
    if "flow" in str(error.context):
        kind = "list [...]" if "sequence" in str(error.context) else "mapping {...}"
        kind = "[...] or {...}" if "node" in str(error.context) else kind
        swallowed = any(_SWALLOWED.match(lines[number - 1]) for number in {start, line} if number <= len(lines))
        if swallowed:
            return min(start, line), f"a {kind} is not closed", _COMMENT
        return line, f"cannot read the {kind}{since}", "look for a missing comma, bracket or quote"
    if "block" in str(error.context) or "document start" in problem:
        above = f"the block{since}" if since else "the lines above"
        return line, f"does not line up with {above}", "check the indentation, and the quotes above it"
    return line, f"not valid YAML: {problem}", None
