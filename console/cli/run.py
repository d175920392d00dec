"""`warroom run` and `warroom demo`: the screen over an engine thread."""

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
from console.cli.login import log_in_file, may_need_login
from console.cli.output import print_err, spool_notice
from console.cli.paths import chosen_journal, engine_config, is_observe_only, open_or_stand_in
from console.cli.signals import stop_with_terminal
from console.journal.location import FileLocation

if TYPE_CHECKING:
    from console.engine.config import EngineConfig


def run_command(options: argparse.Namespace) -> int:
    """Run `warroom run PLAN`."""
    try:
        journal = chosen_journal(options.journal)
    except ValueError as error:
        print(f"warroom: {error}", file=sys.stderr)
        return Exit.USAGE
    plan: Path = options.plan
    observe: bool = options.observe or is_observe_only(os.environ)
    if may_need_login(plan):
        log_in_file(plan)

    def prepare() -> EngineConfig:
        from console.plan.loader import load

        loaded = load(plan)
        return engine_config(loaded, open_or_stand_in(journal), journal, observing=observe)

    return _show(prepare, str(plan), observe=observe)


def demo_command(options: argparse.Namespace) -> int:
    """Run `warroom demo`: the demo plan on the embedded world, in a journal of its own unless one is given."""
    folder = Path(tempfile.mkdtemp(prefix="warroom-demo-"))
    try:
        journal = FileLocation(folder / "journal.db") if options.journal is None else chosen_journal(options.journal)
    except ValueError as error:
        print(f"warroom: {error}", file=sys.stderr)
        return Exit.USAGE
    plan = folder / "demo.yaml"
    plan.write_text(demo_plan(options.scenario, options.seed), encoding="utf-8")

    def prepare() -> EngineConfig:
        from console.engine.clock import FastClock, SystemClock
        from console.engine.config import EngineConfig
        from console.plan.loader import load
        from console.version import warroom_version

        clock = SystemClock() if options.speed == 1.0 else FastClock(options.speed)
        return EngineConfig(load(plan), open_or_stand_in(journal), clock, folder, warroom_version())

    if options.svg is not None:
        return _write_picture(options, prepare)
    code = _show(prepare, "demo")
    if code == Exit.OK:
        print(f"Your decisions: warroom log --journal {journal}")
    return code


def _write_picture(options: argparse.Namespace, prepare: Callable[[], EngineConfig]) -> int:
    import asyncio

    from console.engine.thread import EngineThread
    from console.picture import NoMoment, take_picture

    engine = EngineThread(prepare)
    try:
        text = asyncio.run(take_picture(engine, options.size, options.moment, "warroom demo"))
        options.svg.write_text(text, encoding="utf-8")
    except (NoMoment, OSError) as error:
        print(f"warroom: {error}", file=sys.stderr)
        return Exit.FAULT
    finally:
        engine.stop(leave=True)
        engine.join(10.0)
    print(f"{options.svg}: {options.moment}, {options.size[0]}x{options.size[1]}")
    return Exit.OK


def demo_plan(scenario: str, seed: int) -> str:
    """Text of the demo plan with `scenario` and `seed`."""
    text = files("console").joinpath("demo.yaml").read_text(encoding="utf-8")
    return text.replace("scenario: error_spike", f"scenario: {scenario}").replace("seed: 1", f"seed: {seed}")


def _show(prepare: Callable[[], EngineConfig], title: str, *, observe: bool = False) -> int:
    """Show the screen over an engine made by `prepare` until the user quits; the exit code."""
    from console.terminal import why_unusable, write_utf8

    if (reason := why_unusable(os.environ, sys.stdin, sys.stdout, sys.stderr)) is not None:
        print(reason, file=sys.stderr)
        return Exit.USAGE
    from console.app import WarRoom
    from console.engine.thread import EngineThread

    write_utf8(sys.__stdout__, sys.__stderr__)
    engine = EngineThread(prepare)
    app = WarRoom(engine, title=title, observe=observe)
    left = stop_with_terminal(engine, app, sys.stdin.fileno())
    app.run(mouse=False)
    left.set()
    engine.stop(leave=True)
    if engine.in_flight():
        print_err(f"warroom: finishing {engine.in_flight()}")
    engine.finish(None)
    if kept := engine.spool_path():
        print_err(f"warroom: UNJOURNALED: {spool_notice(kept)}")
    return app.return_code or Exit.OK
