"""Children forked from a parent that has imported everything: a console starts in milliseconds.

A process may only fork while it has one thread: what a child does with threads and loops is its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import traceback
from collections.abc import Callable, Generator, Iterator
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")
Steps: TypeAlias = Generator[int, int, T]
"""Yields the pid of a child to be waited for, is sent its status, returns what became of the case."""


def fork(work: Callable[[], object]) -> int:
    """A child that does `work` and ends, with code 0 if nothing was raised; its pid."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        work()
        code = 0
    except BaseException:  # whoever waits knows where the words are, if there are any
        code = 1
    finally:
        os._exit(code)


def call(work: Callable[[], object]) -> Any:
    """What `work` returns in a child of its own, by way of JSON; None if it raised, whose words are on stderr."""
    reader, writer = os.pipe()

    def say() -> None:
        try:
            found = json.dumps(work()).encode()
        except Exception:
            traceback.print_exc()
            raise
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(found)

    pid = fork(say)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read()
    os.waitpid(pid, 0)
    return json.loads(said) if said else None


def reap(pid: int) -> None:
    """End a child of ours, whatever it does."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)


def side_by_side(cases: Iterator[Steps[T]], at_once: int) -> Iterator[T]:
    """Run cases, `at_once` of them at a time; their ends in the order in which they come."""
    waiting: dict[int, Steps[T]] = {}
    try:
        yield from _ends(cases, at_once, waiting)
    finally:  # whoever has seen enough leaves nobody behind
        for pid in waiting:
            reap(pid)


def _ends(cases: Iterator[Steps[T]], at_once: int, waiting: dict[int, Steps[T]]) -> Iterator[T]:
    more = True
    while more or waiting:
        while more and len(waiting) < at_once:
            steps = next(cases, None)
            if steps is None:
                more = False
                break
            waiting[next(steps)] = steps
        if not waiting:
            return
        pid, status = os.waitpid(-1, 0)
        ended = waiting.pop(pid, None)
        if ended is None:
            continue  # a child of somebody else in this process
        try:
            waiting[ended.send(status)] = ended
        except StopIteration as end:
            yield end.value
