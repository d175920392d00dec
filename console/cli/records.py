"""The arguments of what is done with a journal as a whole: `log verify | export | prune` and `journal init`.

`log` takes a rollout's name in their place, so each is a command of its own whose name has two words.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

ACTIONS = {
    "verify": "find the first event that was changed, removed or put in; print the head to be pinned",
    "export": "the record as JSON Lines, CSV or Markdown",
    "prune": "remove the samples of closed rollouts; events are never removed",
}
FORMATS = ("jsonl", "csv", "md")


def joined(argv: Sequence[str]) -> list[str]:
    """`log verify` as one word, so that the parser takes it for a command."""
    words = list(argv)
    if words[:1] == ["log"] and len(words) > 1 and words[1] in ACTIONS:
        return [f"log {words[1]}", *words[2:]]
    return words


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser], journal: Callable[..., None]) -> None:
    """Add the commands; `journal` adds the --journal option. They are not listed: the page has to fit 24 lines."""
    verify, export, prune = (
        commands.add_parser(f"log {action}", description=f"{what[0].upper()}{what[1:]}.")
        for action, what in ACTIONS.items()
    )
    verify.add_argument("rollout", nargs="?", metavar="ROLLOUT", help="one rollout's chain (default: the journal's)")
    verify.add_argument("--pinned", metavar="HASH", help="a head printed before: is all up to there as it was?")
    export.add_argument("rollout", nargs="?", metavar="PLAN-NAME|ROLLOUT", help="whose (default: every rollout's)")
    export.add_argument(
        "--format",
        choices=FORMATS,
        default="jsonl",
        help="jsonl: every event, whole; csv: decisions and notes; md: the same with their evidence (default: jsonl)",
    )
    prune.add_argument("rollout", nargs="?", metavar="PLAN-NAME|ROLLOUT", help="whose (default: every closed one's)")
    prune.add_argument("--dry-run", action="store_true", help="say how many, remove none")
    for parser in (verify, export, prune):
        journal(parser)
    place = commands.add_parser("journal", description="Make a journal that several operators share.")
    actions = place.add_subparsers(prog="warroom journal", dest="action", metavar="ACTION ...", required=True)
    init = actions.add_parser("init", help="make a journal, or share or update the one that is there")
    init.add_argument("place", metavar="PATH|URL", help="a file in a directory of its own, or postgresql://..")
    init.add_argument("--group", metavar="GROUP", help="the Unix group that shares a file")
    init.add_argument("--role", metavar="ROLE", help="the PostgreSQL role that gets the rights to use it")


def run(options: argparse.Namespace) -> int:
    """Carry out one of them."""
    from console.cli.show import guarded

    if options.command == "journal":
        from console.cli import journal_init

        return guarded(journal_init.journal_init_command, options)
    from console.cli import export, prune, verify

    does = {"log verify": verify.verify_command, "log export": export.export_command, "log prune": prune.prune_command}
    return guarded(does[options.command], options)
