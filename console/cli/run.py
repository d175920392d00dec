"""`warroom run` and `warroom demo`: the screen over an engine in its own thread, and a clean end whatever ends it."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from console.cli.exits import Exit
from console.cli.login import log_in_file, may_need
from console.cli.output import print_err, spool_notice
from console.cli.paths import journal_place, open_anyhow
from console.cli.signals import stop_with_terminal
from console.journal.location import FileLocation

if TYPE_CHECKING:
    from console.engine.config import EngineConfig


def run_command(options: argparse.Namespace) -> int:
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

    def prepare() -> EngineConfig:
        from console.engine.clock import SystemClock
        from console.engine.config import EngineConfig
        from console.plan.loader import load
        from console.version import version

        loaded = load(plan)
        opened = open_anyhow(journal)
        return EngineConfig(
            loaded, opened, SystemClock(), journal.state_dir, version(), observing=observe, spool=journal.spool
        )

    return _show(prepare, str(plan), observe=observe)


def demo_command(options: argparse.Namespace) -> int:
    """`warroom demo`: the demo plan on the embedded world, in a journal of its own unless one is given."""
    folder = Path(tempfile.mkdtemp(prefix="warroom-demo-"))
    try:
        journal = FileLocation(folder / "journal.db") if options.journal is None else journal_place(options.journal)
    except ValueError as error:
        print(f"warroom: {error}", file=sys.stderr)
        return Exit.USAGE
    plan = folder / "demo.yaml"
    plan.write_text(demo_plan(options.scenario, options.seed), encoding="utf-8")

    def prepare() -> EngineConfig:
        from console.engine.clock import FastClock, SystemClock
        from console.engine.config import EngineConfig
        from console.plan.loader import load
        from console.version import version

        clock = SystemClock() if options.speed == 1.0 else FastClock(options.speed)
        return EngineConfig(load(plan), open_anyhow(journal), clock, folder, version())

    if options.svg is not None:
        return _picture(options, prepare)
    code = _show(prepare, "demo")
    if code == Exit.OK:
        print(f"What you decided: warroom log --journal {journal}")
    return code


def _picture(options: argparse.Namespace, prepare: Callable[[], EngineConfig]) -> int:
    """The demo's screen at a moment, written to a file."""
    import asyncio

    from console.engine.thread import EngineThread
    from console.picture import NoMoment, take_picture

    desk = EngineThread(prepare)
    try:
        text = asyncio.run(take_picture(desk, options.size, options.moment, "warroom demo"))
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


def _show(prepare: Callable[[], EngineConfig], title: str, *, observe: bool = False) -> int:
    """The screen over an engine made by `prepare`, until it is left."""
    from console.terminal import why_unusable, write_utf8

    if (reason := why_unusable(os.environ, sys.stdin, sys.stdout, sys.stderr)) is not None:
        print(reason, file=sys.stderr)
        return Exit.USAGE
    from console.app import WarRoom
    from console.engine.thread import EngineThread

    write_utf8(sys.__stdout__, sys.__stderr__)
    desk = EngineThread(prepare)
    app = WarRoom(desk, title=title, observe=observe)
    left = stop_with_terminal(desk, app, sys.stdin.fileno())
    app.run(mouse=False)
    left.set()
    desk.stop(leave=True)
    if desk.in_flight():
        print_err(f"warroom: finishing {desk.in_flight()}")
    desk.finish(None)
    if kept := desk.spool_path():
        print_err(f"warroom: UNJOURNALED: {spool_notice(kept)}")
    return app.return_code or Exit.OK
