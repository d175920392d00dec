"""`warroom log export`: print the journal as JSON Lines, CSV or Markdown.

JSON Lines hold every event whole, with its hashes. CSV and Markdown hold decisions and notes. None holds samples. All
are safe to print on a terminal, and CSV is safe to open in a spreadsheet.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from typing import Any

from adapters.sanitize import one_line
from console.cli.exits import Exit, with_exit_codes
from console.cli.log import LogEntry, actor_name, as_json, card_text, decision_summary, log_entries
from console.cli.paths import existing_journal, named_runs, open_to_read
from console.events.kinds import Noted
from console.journal.chain import Row
from console.journal.contract import Journal

_ALWAYS = ("kind", "rollout", "seq", "at", "who", "login")
_OF_DECISIONS = ("verb", "stage", "from", "to", "sets", "subject", "reason", "override", "outcome", "ended")
COLUMNS = (*_ALWAYS, *_OF_DECISIONS, "text", "id")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
LONGEST_CELL = 4000
"""Characters of a cell at most."""


@with_exit_codes
def export_command(options: argparse.Namespace) -> int:
    """Run `warroom log export [PLAN-NAME|ROLLOUT] [--format jsonl|csv|md]`."""
    with closing(open_to_read(existing_journal(options.journal))) as journal:
        rollouts = [run.rollout for run in reversed(named_runs(journal, options.rollout))]
        {"jsonl": _jsonl, "csv": _csv, "md": _markdown}[options.format](journal, rollouts)
    return Exit.OK


def _jsonl(journal: Journal, rollouts: Sequence[str]) -> None:
    for rollout in rollouts:
        for row in _rows(journal, rollout):
            print(json.dumps(event_json(row)))  # ASCII only: nothing in it can act on a terminal


def _rows(journal: Journal, rollout: str) -> Iterator[Row]:
    after: int | None = None
    while page := journal.rows(rollout, after):
        yield from page
        after = page[-1].seq


def event_json(row: Row) -> dict[str, Any]:
    """One event as plain values. A body that is not JSON is kept as text."""
    try:
        body = json.loads(row.body)
    except (ValueError, RecursionError):
        body = row.body
    values = asdict(row) | {"id": row.event_id, "body": body}
    about = ("position", "rollout", "seq", "id", "kind", "v", "at", "who", "login", "move")
    return {key: values[key] for key in (*about, "body", "prev", "hash", "head")}


def _csv(journal: Journal, rollouts: Sequence[str]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(COLUMNS)
    for entry in log_entries(journal, rollouts):
        found = as_json(entry)
        writer.writerow([spreadsheet_cell(found.get(column)) for column in COLUMNS])


def spreadsheet_cell(value: object) -> str:
    """`value` as text; text that a spreadsheet would take for a formula gets a leading apostrophe."""
    if isinstance(value, dict):
        value = ", ".join(f"{name} {setting}" for name, setting in value.items())
    text = "" if value is None else one_line(value, LONGEST_CELL)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _markdown(journal: Journal, rollouts: Sequence[str]) -> None:
    for rollout in rollouts:
        print(f"# {_markdown_text(rollout)}\n")
        entries = log_entries(journal, [rollout])
        for entry in entries:
            print("\n".join(_section(entry)) + "\n")
        if not entries:
            print("Nothing decided or noted.\n")


def _section(entry: LogEntry) -> list[str]:
    event = entry.event
    who = actor_name(event.who)
    when = f"{event.at:%Y-%m-%d %H:%M:%S}Z"
    if isinstance(event, Noted):
        return [f"## {when} {_markdown_text(who)}: note", "", _markdown_text(event.text)]
    lines = [
        f"## {when} {_markdown_text(who)}: {_markdown_text(decision_summary(event))}",
        "",
        f"- ended: {_markdown_text(entry.ended)}",
    ]
    lines += [f"- reason: {_markdown_text(event.reason)}"] if event.reason else []
    lines += [f"- OVERRIDE: {_markdown_text(event.override)}"] if event.override else []
    # The card is an indented block, in which Markdown sees no markup.
    card = [f"    {one_line(line, LONGEST_CELL)}" for line in card_text(event.card)]
    return [*lines, f"- id: {event.id}", "", *card]


def _markdown_text(text: object) -> str:
    """`text` on one line, with the characters of Markdown escaped."""
    return "".join(f"\\{char}" if char in "\\`*_[]<>#|!&" else char for char in one_line(text, LONGEST_CELL))
