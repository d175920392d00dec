"""Check the triggers and functions that keep a PostgreSQL journal append-only.

Expected are those of the migrations, with the triggers enabled. The schema's owner can drop triggers and create them
again: a full set proves nothing, but a missing one is worth reporting.
"""

from __future__ import annotations

import re

from console.journal.postgres.schema import MIGRATIONS
from console.journal.reading import Connection

_TRIGGER = re.compile(
    r"CREATE TRIGGER (\w+) (BEFORE|AFTER) ([\w ]+?) ON warroom\.(\w+)\s+FOR EACH (ROW|STATEMENT) "
    r"EXECUTE FUNCTION warroom\.(\w+)\(\);"
)
_FUNCTION = re.compile(r"CREATE (?:OR REPLACE )?FUNCTION warroom\.(\w+)\(.*?AS \$\$(.*?)\$\$", re.DOTALL)
_BITS = {"ROW": 1, "BEFORE": 2, "INSERT": 4, "DELETE": 8, "UPDATE": 16, "TRUNCATE": 32}
"""Bits of pg_trigger.tgtype (src/include/catalog/pg_trigger.h)."""
_ENABLED = ("O", "A")
"""Values of pg_trigger.tgenabled: in every session except a replica's, or always."""


def alterations(connection: Connection) -> list[str]:
    """Missing, disabled, changed and foreign objects, a few words each. Raises psycopg.Error."""
    text = "\n".join(MIGRATIONS)
    due = {
        (table, name): (_type(when, verbs, each), calls)
        for name, when, verbs, table, each, calls in _TRIGGER.findall(text)
    }
    found = _triggers(connection)
    wrong = []
    for (table, name), how in due.items():
        there = found.get((table, name))
        if there is None:
            wrong.append(f"trigger {name} is missing")
        elif there[2] not in _ENABLED:
            wrong.append(f"trigger {name} is switched off")
        elif there[:2] != how:
            wrong.append(f"trigger {name} was changed")
    wrong += [f"trigger {name} is not warroom's" for table, name in found if (table, name) not in due]
    rules = connection.execute("SELECT rulename FROM pg_rules WHERE schemaname = 'warroom'").fetchall()
    wrong += [f"rule {name} is not warroom's" for (name,) in rules]
    bodies = _bodies(connection)
    due_bodies = dict(_FUNCTION.findall(text))  # of a function that a later migration replaced, the last
    return [
        *wrong,
        *(f"function {name} was changed" for name, body in due_bodies.items() if bodies.get(name) != body),
    ]


def _type(when: str, verbs: str, each: str) -> int:
    return sum(_BITS.get(word, 0) for word in (when, each, *verbs.split(" OR ")))


def _triggers(connection: Connection) -> dict[tuple[str, str], tuple[int, str, str]]:
    """(table, trigger) -> (type, function, enabled)."""
    rows = connection.execute(
        """
        SELECT c.relname, t.tgname, t.tgtype::integer, p.proname, t.tgenabled::text
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_proc p ON p.oid = t.tgfoid
        WHERE n.nspname = 'warroom' AND NOT t.tgisinternal
        """
    ).fetchall()
    return {(str(table), str(name)): (int(str(kind)), str(calls), str(on)) for table, name, kind, calls, on in rows}


def _bodies(connection: Connection) -> dict[str, str]:
    rows = connection.execute(
        "SELECT p.proname, p.prosrc FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
        "WHERE n.nspname = 'warroom'"
    ).fetchall()
    return {str(name): str(body) for name, body in rows}
