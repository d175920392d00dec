"""`warroom log prune`: remove the samples of closed rollouts, and say how many."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing

from console.cli.exits import Exit, with_exit_codes
from console.cli.paths import existing_journal, named_runs
from console.engine.believed import believed_record
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
    chosen = {run.rollout: run.closed and _is_over(journal, run.rollout) for run in named_runs(journal, which)}
    if which is not None and chosen.get(which) is False:
        raise NotPermitted(f"{which} is open: only samples of closed rollouts are pruned")
    would = "would remove" if dry_run else "removed"
    total = 0
    for rollout, is_over in chosen.items():
        if is_over and (count := journal.prune(rollout, dry_run=dry_run)):
            print(f"{rollout}: {would} {count} samples")
            total += count
    kept = [rollout for rollout, is_over in chosen.items() if not is_over]
    print(f"{would} {total} samples" + (f"; kept those of open rollouts: {', '.join(kept)}" if kept else ""))
    return Exit.OK


def _is_over(journal: Journal, rollout: str) -> bool:
    """Whether the closing of a rollout is believed; that of a plan which this version cannot read is."""
    state = believed_record(journal, rollout).state
    return state is None or state.closed is not None
