"""`run` and `demo`: the screen over an engine in its own thread, and a clean end whatever ends it."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from console.cli.exits import Exit
from console.cli.login import log_in_file, may_need
from console.cli.paths import journal_place, open_anyhow
from console.journal.place import FilePlace

if TYPE_CHECKING:
    from console.app import WarRoom
    from console.engine.thread import EngineThread, Set

RESTORE_S = 1.0
"""How long the screen may take to put the terminal back when the process is told to end."""


def run(options: argparse.Namespace) -> int:
    """`warroom run PLAN`."""
    try:
        journal = journal_place(options.journal)
    except ValueError as error:
        print(f"warroom: {error}", file=sys.stderr)
        return Exit.USAGE
    plan: Path = options.plan
    observe: bool = options.observe or os.environ.get("WARROOM_OBSERVE", "") not in ("", "0")
    if may_need(plan):
        log_in_file(plan)

    def prepare() -> Set:
        from console.engine.clock import SystemClock
        from console.engine.thread import Set
        from console.plan.load import load
        from console.version import version

        loaded = load(plan)
        return Set(loaded, open_anyhow(journal), SystemClock(), journal.state_dir, version(), observing=observe)

    return _show(prepare, str(plan), observe=observe)


def demo(options: argparse.Namespace) -> int:
    """`warroom demo`: the demo plan on the embedded world, in a journal of its own unless one is given."""
    folder = Path(tempfile.mkdtemp(prefix="warroom-demo-"))
    try:
        journal = FilePlace(folder / "journal.db") if options.journal is None else journal_place(options.journal)
    except ValueError as error:
        print(f"warroom: {error}", file=sys.stderr)
        return Exit.USAGE
    plan = folder / "demo.yaml"
    plan.write_text(demo_plan(options.scenario, options.seed), encoding="utf-8")

    def prepare() -> Set:
        from console.engine.clock import FastClock, SystemClock
        from console.engine.thread import Set
        from console.plan.load import load
        from console.version import version

        clock = SystemClock() if options.speed == 1.0 else FastClock(options.speed)
        return Set(load(plan), open_anyhow(journal), clock, folder, version())

    if options.svg is not None:
        return _picture(options, prepare)
    code = _show(prepare, "demo")
    if code == Exit.OK:
        print(f"What you decided: warroom log --journal {journal}")
    return code


def _picture(options: argparse.Namespace, prepare: Callable[[], Set]) -> int:
    """The demo's screen at a moment, written to a file."""
    import asyncio

    from console.engine.thread import EngineThread
    from console.picture import NoMoment, take

    desk = EngineThread(prepare)
    try:
        text = asyncio.run(take(desk, options.size, options.moment, "warroom demo"))
        options.svg.write_text(text, encoding="utf-8")
    except (NoMoment, OSError) as error:
        print(f"warroom: {error}", file=sys.stderr)
        return Exit.FAULT
    finally:
        desk.stop(leave=True)
        desk.join(10.0)
    print(f"{options.svg}: {options.moment}, {options.size[0]}x{options.size[1]}")
    return Exit.OK


def demo_plan(scenario: str, seed: int) -> str:
    """The demo plan's text with a scenario and a seed put in."""
    text = files("console").joinpath("demo.yaml").read_text(encoding="utf-8")
    return text.replace("scenario: error_spike", f"scenario: {scenario}").replace("seed: 1", f"seed: {seed}")


def _show(prepare: Callable[[], Set], title: str, *, observe: bool = False) -> int:
    """The screen over an engine made by `prepare`, until it is left."""
    from console.terminal import unusable

    if (reason := unusable(os.environ, sys.stdin, sys.stdout, sys.stderr)) is not None:
        print(reason, file=sys.stderr)
        return Exit.USAGE
    from console.app import WarRoom
    from console.engine.thread import EngineThread

    desk = EngineThread(prepare)
    app = WarRoom(desk, title=title, observe=observe)
    left = _end_with_the_terminal(desk, app)
    app.run(mouse=False)
    left.set()
    desk.stop(leave=True)
    if desk.busy():
        print(f"warroom: finishing {desk.busy()}", file=sys.stderr)
    desk.join()
    return app.return_code or Exit.OK


def _end_with_the_terminal(desk: EngineThread, app: WarRoom) -> threading.Event:
    """SIGHUP and SIGTERM end the engine first (a rollback finishes its automatic steps), then the process.

    The screen is asked to put the terminal back, but not waited for: its loop may be blocked for ever on a terminal
    that is gone. Returns the event that says that it has.
    """
    left = threading.Event()

    def leave(code: int) -> None:
        with contextlib.suppress(RuntimeError):  # it is not running, or not any more
            app.call_from_thread(app.exit, None, code)

    def end(signum: int) -> None:
        desk.stop(leave=True)
        desk.join()
        threading.Thread(target=leave, args=(128 + signum,), name="leave", daemon=True).start()
        left.wait(RESTORE_S)
        os._exit(128 + signum)

    def begin(signum: int, _frame: FrameType | None) -> None:
        threading.Thread(target=end, args=(signum,), name="end", daemon=True).start()

    for signum in (signal.SIGHUP, signal.SIGTERM):
        signal.signal(signum, begin)
    return left
