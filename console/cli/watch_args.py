"""Arguments of `warroom watch`, `warroom wait` and `warroom completion`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from console.cli.argument_types import duration_s

CONDITIONS_HELP = "healthy, failing, promotable, halted, rolled-back, complete, closed, or stage:NAME"
SHELLS = ("bash", "zsh", "fish")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser], journal: Callable[..., None]) -> None:
    """Add the commands; `journal` adds the --journal option."""
    watch = commands.add_parser(
        "watch",
        description="Poll and guard the rollouts of a plan without a screen, one line per change, until SIGTERM. "
        "Waits for a rollout to be opened. Decides nothing except the plan's on_fail.",
    )
    watch.add_argument("plan", metavar="PLAN", type=Path)
    watch.add_argument(
        "--gates",
        metavar="ADDRESS:PORT",
        help="answer Flagger's webhooks there; PORT alone: for this machine only. "
        "With WARROOM_GATE_TOKEN set, they must carry it",
    )
    journal(watch)
    wait = commands.add_parser(
        "wait",
        description="Wait for a condition. Exit 0: it holds; 8: not in time; 9: it can no longer come.",
    )
    wait.add_argument("plan", metavar="PLAN", type=Path)
    wait.add_argument("--until", required=True, metavar="WHAT", help=CONDITIONS_HELP)
    wait.add_argument("--timeout", type=duration_s, metavar="TIME", help="30s, 10m, 1h or seconds (default: no limit)")
    journal(wait)
    completion = commands.add_parser("completion", description="Print the completion script of a shell.")
    completion.add_argument("shell", choices=SHELLS, metavar="SHELL", help=", ".join(SHELLS))


def run_headless_command(options: argparse.Namespace, parser: Callable[[], argparse.ArgumentParser]) -> int:
    """Run `watch`, `wait` or `completion`, and return the exit code."""
    if options.command == "completion":
        from console.cli import completion

        return completion.completion_command(options.shell, parser())
    from console.cli import watch

    return watch.watch_command(options) if options.command == "watch" else watch.wait_command(options)
