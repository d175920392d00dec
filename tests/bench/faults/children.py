"""Processes forked from a parent that has imported everything, so that a console starts in milliseconds.

The parent forks only while it has one thread; each child may start threads and event loops of its own.
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
CaseSteps: TypeAlias = Generator[int, int, T]
"""A case: yields the pid of a child to wait for, is sent its wait status, returns the result."""


def fork(work: Callable[[], object]) -> int:
    """Run `work` in a child, which exits with 0 unless it raised; return the pid."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        work()
        code = 0
    except BaseException:  # the exit code is the report; a case writes details to its own file
        code = 1
    finally:
        os._exit(code)


def call_in_child(work: Callable[[], object]) -> Any:
    """Run `work` in a child; its result, passed as JSON, or None if it raised (traceback on stderr)."""
    reader, writer = os.pipe()

    def send_result() -> None:
        try:
            result = json.dumps(work()).encode()
        except Exception:
            traceback.print_exc()
            raise
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(result)

    pid = fork(send_result)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        received = pipe.read()
    os.waitpid(pid, 0)
    return json.loads(received) if received else None


def reap(pid: int) -> None:
    """Kill a child of this process and wait for it."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)


def run_concurrently(cases: Iterator[CaseSteps[T]], at_once: int) -> Iterator[T]:
    """Run cases, `at_once` of them at a time; yield results as they arrive."""
    waiting: dict[int, CaseSteps[T]] = {}
    try:
        yield from _results(cases, at_once, waiting)
    finally:  # the caller may stop early: no child outlives it
        for pid in waiting:
            reap(pid)


def _results(cases: Iterator[CaseSteps[T]], at_once: int, waiting: dict[int, CaseSteps[T]]) -> Iterator[T]:
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
            continue  # a child that another part of this process started
        try:
            waiting[ended.send(status)] = ended
        except StopIteration as end:
            yield end.value
