"""Events of a YAML text from the library's parser, whose failures are of two kinds only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import Event


def yaml_events(
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
