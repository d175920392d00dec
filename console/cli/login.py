"""Log in to backends while the terminal is free for a login plugin's questions."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from adapters.registry import LOGS_IN, ConnectError, UnknownAdapter, load
from console.cli.output import print_err
from console.plan.nouns import Plan
from console.plan.problems import PlanError

SAFER_LOGIN_S = 5.0
"""How long a halt or a rollback waits for each login: it may not need that backend at all."""


def may_need_login(file: Path) -> bool:
    """True where the plan file names an adapter that may log in. Searches the text only, to import nothing slow."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):  # loading the plan reports it
        return False
    return any(name in text for name in LOGS_IN)


def log_in_file(file: Path) -> None:
    """Log in to the backends of the plan in `file`. Does nothing for a bad plan: loading it again reports it."""
    from console.plan.loader import load as read

    try:
        log_in(read(file))
    except PlanError:
        return


def log_in(plan: Plan, within_s: float | None = None) -> None:
    """Run the login plugins of a plan's backends, one after the other, each within `within_s` (None: no limit).

    A login that fails is one line on stderr, and the next one runs: a backend logs in again with its next request.
    """
    terminal = bool(sys.stdin is not None and sys.stdin.isatty() and sys.stderr is not None and sys.stderr.isatty())
    for spec in plan.backends.values():
        try:
            adapter = load(spec.adapter)
            if adapter.prepare is None:
                continue
            options = adapter.options.model_validate(dict(spec.options))
            asyncio.run(asyncio.wait_for(adapter.prepare(options, spec.name, terminal=terminal), within_s))
        except (UnknownAdapter, ConnectError) as error:
            print_err(f"warroom: {error}")
        except TimeoutError:
            print_err(f"warroom: {spec.name}: no login within {within_s:g} s; continuing without it")
