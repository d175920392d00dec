"""Logins before the screen: a login plugin may ask its person something only while the terminal is free."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path

from adapters.registry import LOGS_IN, ConnectError, UnknownAdapter, load
from console.cli.output import print_err
from console.plan.nouns import Plan
from console.plan.problems import PlanError

HURRIED_S = 5.0
"""How long a verb that goes safer waits for logins: what they are for may not be what it is about."""


def may_need(file: Path) -> bool:
    """Whether a plan file names an adapter that may have to log in. Reads the text alone: nothing slow is imported."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):  # told by whoever loads it
        return False
    return any(name in text for name in LOGS_IN)


def log_in_file(file: Path) -> None:
    """Log in wherever the plan in `file` has to; a plan that cannot be read is told by whoever loads it next."""
    from console.plan.loader import load as read

    try:
        log_in(read(file))
    except PlanError:
        return


def log_in(plan: Plan, within_s: float | None = None) -> None:
    """Run the login plugins of a plan's backends, one after the other; one that fails is told and leaves the others.

    The backends try again by themselves whenever they are asked something.
    """
    for spec in plan.backends.values():
        try:
            adapter = load(spec.adapter)
            if adapter.prepare is None:
                continue
            options = adapter.options.model_validate(dict(spec.options))
            asyncio.run(_within(adapter.prepare(options, spec.name, terminal=_at_a_terminal()), within_s))
        except (UnknownAdapter, ConnectError) as error:
            print_err(f"warroom: {error}")
        except TimeoutError:
            print_err(f"warroom: {spec.name}: no login within {within_s:g} s; going on")


async def _within(work: Coroutine[None, None, None], within_s: float | None) -> None:
    async with asyncio.timeout(within_s):
        await work


def _at_a_terminal() -> bool:
    return bool(sys.stdin is not None and sys.stdin.isatty() and sys.stderr is not None and sys.stderr.isatty())
