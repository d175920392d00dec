"""`warroom log prune`: remove the samples of closed rollouts, and say how many."""

from __future__ import annotations

import argparse
import sys

from console.cli.exits import Exit
from console.cli.paths import chosen_journal
from console.journal.contract import Journal, JournalUnavailable, NotPermitted


def prune_command(options: argparse.Namespace) -> int:
    """Run `warroom log prune [PLAN-NAME|ROLLOUT] [--dry-run]`. Raises JournalUnavailable, ValueError."""
    location = chosen_journal(options.journal)
    if not location.exists():
        raise JournalUnavailable(f"journal {location} does not exist")
    journal = location.open()
    try:
        return _prune(journal, options.rollout, dry_run=options.dry_run)
    except NotPermitted as error:
        print(f"warroom: {error}", file=sys.stderr)
        return Exit.REFUSED
    finally:
        journal.close()


def _prune(journal: Journal, which: str | None, *, dry_run: bool) -> int:
    runs = journal.runs()
    chosen = [run for run in runs if which in (None, run.rollout, run.rollout.rpartition("/")[0])]
    if which is not None and not chosen:
        raise ValueError(f"the journal holds no plan and no rollout {which!r}; `warroom log` lists them")
    if any(run.rollout == which and not run.closed for run in chosen):
        raise NotPermitted(f"{which} is open: only samples of closed rollouts are pruned")
    would = "would remove" if dry_run else "removed"
    total = 0
    for run in chosen:
        if run.closed and (count := journal.prune(run.rollout, dry_run=dry_run)):
            print(f"{run.rollout}: {would} {count} samples")
            total += count
    kept = [run.rollout for run in chosen if not run.closed]
    print(f"{would} {total} samples" + (f"; kept those of open rollouts: {', '.join(kept)}" if kept else ""))
    return Exit.OK
