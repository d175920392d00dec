"""Words on rows of the journal that are not believed."""

from __future__ import annotations

from collections.abc import Sequence

from console.state.values import RolloutState, State, UnbelievedRow

_SHOWN = 3


def unbelieved_line(state: RolloutState, most: int = _SHOWN) -> str | None:
    """The rows that are not believed, on one line; None if there are none."""
    return rows_line(state.unbelieved, state.unbelieved_count, most)


def unbelieved_text(state: State) -> str | None:
    """The rows and samples that are not believed, on one line; None if there are none."""
    count = state.local.dropped_samples
    samples = f"{count:,} sample{' of the journal is' if count == 1 else 's of the journal are'} not believed"
    return "; ".join([*filter(None, [unbelieved_line(state)]), *([samples] if count else [])]) or None


def rows_line(rows: Sequence[UnbelievedRow], count: int, most: int = _SHOWN) -> str | None:
    """The `most` first of `count` rows that are not believed, on one line; None if there are none."""
    if not count:
        return None
    words = "1 row of the journal is" if count == 1 else f"{count:,} rows of the journal are"
    shown = [row_text(row) for row in rows[:most]]
    if shown and count > len(shown):
        shown.append(f"and {count - len(shown):,} more")
    return f"{words} not believed{': ' if shown else ''}{'; '.join(shown)}"


def row_text(row: UnbelievedRow) -> str:
    """One such row: its number, who wrote it, and the reason."""
    return f"seq {row.seq}{f', by {row.by}' if row.by else ''}: {row.reason}"
