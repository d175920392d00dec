"""The arguments of the commands that look on without a screen: `watch` and `wait`, and of shell completion."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from pathlib import Path

WHAT = "healthy, failing, promotable, halted, rolled-back, complete, closed, or stage:NAME"
SHELLS = ("bash", "zsh", "fish")
_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0}


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser], journal: Callable[..., None]) -> None:
    """Add the commands; `journal` adds the --journal option."""
    watch = commands.add_parser(
        "watch",
        description="Poll and guard the rollouts of a plan without a screen, one line per change, until SIGTERM. "
        "Waits for a rollout to be opened; decides nothing but what the plan's on_fail wants.",
    )
    watch.add_argument("plan", metavar="PLAN", type=Path)
    watch.add_argument(
        "--gates",
        metavar="ADDRESS:PORT",
        help="answer Flagger's webhooks there, from what was promoted; PORT alone: for this machine. "
        "With WARROOM_GATE_TOKEN set they have to show it",
    )
    journal(watch)
    wait = commands.add_parser(
        "wait",
        description="Wait until something is so. Exit 0: it is; 8: not in time; 9: it cannot come any more.",
    )
    wait.add_argument("plan", metavar="PLAN", type=Path)
    wait.add_argument("--until", required=True, metavar="WHAT", help=WHAT)
    wait.add_argument("--timeout", type=_span, metavar="TIME", help="30s, 10m, 1h or seconds (default: for ever)")
    journal(wait)
    completion = commands.add_parser("completion", description="Print the completion script of a shell.")
    completion.add_argument("shell", choices=SHELLS, metavar="SHELL", help=", ".join(SHELLS))


def run(options: argparse.Namespace, parser: Callable[[], argparse.ArgumentParser]) -> int:
    """Carry out one of them."""
    if options.command == "completion":
        from console.cli import completion

        return completion.completion_command(options.shell, parser())
    from console.cli import watch

    return watch.watch_command(options) if options.command == "watch" else watch.wait_command(options)


def _span(text: str) -> float:
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([smh]?)", text.strip())
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time: 30s, 10m, 1h or a number of seconds")
    return float(match[1]) * _UNITS_S.get(match[2], 1.0)
