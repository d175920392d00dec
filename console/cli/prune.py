"""`warroom log prune`: remove the samples of closed rollouts, and say how many."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing

from console.cli.exits import Exit, with_exit_codes
from console.cli.paths import existing_journal, named_runs
from console.journal.contract import Journal, NotPermitted


@with_exit_codes
def prune_command(options: argparse.Namespace) -> int:
    """Run `warroom log prune [PLAN-NAME|ROLLOUT] [--dry-run]`."""
    with closing(existing_journal(options.journal).open()) as journal:
        try:
            return _prune(journal, options.rollout, dry_run=options.dry_run)
        except NotPermitted as error:
            print(f"warroom: {error}", file=sys.stderr)
            return Exit.REFUSED


def _prune(journal: Journal, which: str | None, *, dry_run: bool) -> int:
    chosen = named_runs(journal, which)
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
