"""The commands after a forgery, in this process: the rollback, then those that read, and what is wrong with each."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from console.cli.exits import Exit
from console.journal.sqlite import SqliteStatements
from tests.rows.forgery import Belief, Forgery, insert_rows
from tests.rows.prepared import OPENING, RUN, exposure
from tests.rows.running import Ended, run

NOT_BELIEVED = "not believed"
"""Words of every command that shows a row that it set aside."""


def forge_in_file(journal: Path, forgery: Forgery) -> None:
    """Insert a forgery into a SQLite journal, as a member of its group can."""
    with closing(sqlite3.connect(journal, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        insert_rows(SqliteStatements(database), forgery, login=None)
        database.execute("COMMIT")


def faults_after(forgery: Forgery, folder: Path, journal: str) -> list[str]:
    """Everything that the commands do wrong on a journal with a forgery in it; empty: nothing."""
    return [*_rollback_faults(forgery, folder, journal), *_reading_faults(forgery, folder, journal)]


def _rollback_faults(forgery: Forgery, folder: Path, journal: str) -> Iterator[str]:
    ended = run("rollback", str(folder / "plan.yaml"), "--journal", journal, "--reason", "x")
    yield from _plain_faults("rollback", ended)
    if ended.code not in forgery.codes:
        yield f"rollback: exit {ended.code}: {ended.last_line}"
    left = exposure(folder)
    if left != OPENING and forgery.reaches:
        yield f"rollback: the world reads {left}"
    if left != OPENING and ended.code == Exit.OK and not forgery.own_steps:
        yield f"rollback: exit 0, and the world reads {left}"


def _reading_faults(forgery: Forgery, folder: Path, journal: str) -> Iterator[str]:
    status = run("status", str(folder / "plan.yaml"), "--journal", journal)
    log = run("log", "--journal", journal)
    verified = run("log", "verify", "--journal", journal)
    for name, ended in (("status", status), ("log", log)):
        yield from _plain_faults(name, ended)
        if ended.code != Exit.OK:
            yield f"{name}: exit {ended.code}: {ended.last_line}"
    yield from _plain_faults("log verify", verified)
    yield from _verdict_faults(forgery, verified)
    if forgery.rows and all(row.rollout == RUN for row in forgery.rows):
        for name, ended in (("status", status), ("log", log)):
            if (NOT_BELIEVED in ended.said) != (NOT_BELIEVED in verified.said):
                words = "does not show" if NOT_BELIEVED in verified.said else "shows"
                yield f"{name}: {words} a row that is {NOT_BELIEVED}, unlike log verify"


def _verdict_faults(forgery: Forgery, verified: Ended) -> Iterator[str]:
    is_found = NOT_BELIEVED in verified.said or "CHAIN BROKEN" in verified.said
    if verified.code != (Exit.TAMPERED if is_found else Exit.OK):
        yield f"log verify: exit {verified.code}: {verified.last_line}"
    if is_found and forgery.belief is Belief.HELD:
        yield f"log verify: finds fault with a row of a correct console: {verified.last_line}"
    if not is_found and forgery.belief is Belief.REFUSED:
        yield "log verify: finds nothing"


def _plain_faults(name: str, ended: Ended) -> Iterator[str]:
    if "Traceback" in ended.said or "internal error" in ended.said or ended.code == Exit.FAULT:
        yield f"{name}: a fault of warroom itself: {ended.last_line}"
