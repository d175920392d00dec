"""Arguments of `log verify`, `log export`, `log prune` and `journal init`.

`log` takes a rollout's name in the same place, so the parser knows each as one command with a two-word name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from console.cli.argument_types import Subcommands

ACTIONS = {
    "verify": "find the first event that was changed, removed or inserted; print the head to pin",
    "export": "print the journal as JSON Lines, CSV or Markdown",
    "prune": "remove the samples of closed rollouts; events are never removed",
}
FORMATS = ("jsonl", "csv", "md")


def join_subcommand(argv: Sequence[str]) -> list[str]:
    """The arguments with `log verify` as one word, so that the parser takes it for a command."""
    words = list(argv)
    if words[:1] == ["log"] and len(words) > 1 and words[1] in ACTIONS:
        return [f"log {words[1]}", *words[2:]]
    return words


def add(commands: Subcommands, journal: Callable[..., None]) -> None:
    """Add the commands; `journal` adds the --journal option. The main help page, of 24 lines, does not list them."""
    verify, export, prune = (
        commands.add_parser(f"log {action}", description=f"{text[0].upper()}{text[1:]}.")
        for action, text in ACTIONS.items()
    )
    verify.add_argument("rollout", nargs="?", metavar="ROLLOUT", help="one rollout's chain (default: the journal's)")
    verify.add_argument("--pinned", metavar="HASH", help="a head printed before: check that all up to it is unchanged")
    export.add_argument("rollout", nargs="?", metavar="PLAN-NAME|ROLLOUT", help="only these (default: every rollout)")
    export.add_argument(
        "--format",
        choices=FORMATS,
        default="jsonl",
        help="jsonl: whole events; csv: decisions and notes; md: the same with their evidence (default: jsonl)",
    )
    prune.add_argument("rollout", nargs="?", metavar="PLAN-NAME|ROLLOUT", help="only these (default: every closed one)")
    prune.add_argument("--dry-run", action="store_true", help="say how many, remove none")
    for parser in (verify, export, prune):
        journal(parser)
    journal_parser = commands.add_parser("journal", description="Make a journal that several operators share.")
    actions = journal_parser.add_subparsers(prog="warroom journal", dest="action", metavar="ACTION ...", required=True)
    init = actions.add_parser("init", help="make a journal, or share or update an existing one")
    init.add_argument("place", metavar="PATH|URL", help="a file in a directory of its own, or postgresql://..")
    init.add_argument("--group", metavar="GROUP", help="the Unix group that shares a file")
    init.add_argument("--role", metavar="ROLE", help="the PostgreSQL role that gets the rights to use it")
