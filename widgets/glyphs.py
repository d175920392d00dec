"""Glyph, word and look of everything that has a state: one table each, so that one thing looks the same on every pane.

The word always goes with the glyph: colour and shape only repeat it. Every glyph is one cell wide.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from console.events.evidence import Verb
from console.judge.verdict import StageWord, VerdictState
from console.state.values import Mode, StageMark, StepMark
from widgets.line import Look, Piece

Level = Literal["calm", "warn", "alarm"]
"""How loud a sentence is."""
Said = tuple[Level, str]
"""A sentence and its level."""


class Mark(NamedTuple):
    glyph: str
    word: str
    look: Look

    def __str__(self) -> str:
        return f"{self.glyph} {self.word}"

    @property
    def piece(self) -> Piece:
        """Glyph and word in their look."""
        return Piece(str(self), self.look)


VERDICTS: Mapping[VerdictState, Mark] = {
    VerdictState.PASS: Mark("✓", "pass", Look.GOOD),
    VerdictState.FAIL: Mark("✗", "FAIL", Look.ALARM),
    VerdictState.UNSURE: Mark("?", "unsure", Look.WARN),
    VerdictState.STALE: Mark("~", "STALE", Look.WARN),
    VerdictState.NO_DATA: Mark("∅", "no data", Look.WARN),
}

DETAILS: Mapping[str, Mark] = {
    "WARN": Mark("!", "WARN", Look.WARN),
    "WARMING UP": Mark("?", "WARMING UP", Look.MUTED),
    "WATCHING": Mark("?", "WATCHING", Look.PLAIN),
    "INCONCLUSIVE": Mark("?", "INCONCLUSIVE", Look.WARN),
}
"""Which kind of `unsure`; don't know while there is still time is no alarm."""

STAGE_WORDS: Mapping[StageWord, Mark] = {
    StageWord.FAIL: Mark("✗", "FAIL", Look.ALARM),
    StageWord.HOLD: Mark("!", "HOLD", Look.WARN),
    StageWord.WARN: Mark("!", "WARN", Look.WARN),
    StageWord.PASS: Mark("✓", "PASS", Look.GOOD),
    StageWord.WATCHING: Mark("?", "WATCHING", Look.PLAIN),
    StageWord.INCONCLUSIVE: Mark("?", "INCONCLUSIVE", Look.WARN),
}

STAGES: Mapping[StageMark, Mark] = {
    StageMark.PLANNED: Mark("·", "planned", Look.MUTED),
    StageMark.REQUESTED: Mark("○", "requested", Look.WARN),
    StageMark.CONFIRMED: Mark("●", "confirmed", Look.GOOD),
    StageMark.PARTIAL: Mark("◐", "PARTIAL", Look.ALARM),
    StageMark.FAILED: Mark("✗", "NOT SET", Look.ALARM),
}

STEPS: Mapping[StepMark, Mark] = {
    StepMark.PENDING: Mark("·", "to do", Look.MUTED),
    StepMark.REQUESTED: Mark("○", "sent", Look.WARN),
    StepMark.HOLDING: Mark("◐", "holding", Look.WARN),
    StepMark.DONE: Mark("●", "done", Look.GOOD),
    StepMark.REFUSED: Mark("✗", "REFUSED", Look.ALARM),
    StepMark.IN_DOUBT: Mark("?", "IN DOUBT", Look.ALARM),
    StepMark.RELAPSED: Mark("✗", "RELAPSED", Look.ALARM),
    StepMark.WAITING: Mark("→", "YOUR TURN", Look.WARN),
    StepMark.SKIPPED: Mark("–", "skipped", Look.WARN),
    StepMark.OVERDUE: Mark("✗", "OVERDUE", Look.ALARM),
}

MODES: Mapping[Mode, Mark] = {
    Mode.READY: Mark("○", "READY", Look.STRONG),
    Mode.BAKING: Mark("◐", "BAKING", Look.STRONG),
    Mode.WATCHING: Mark("●", "BAKED", Look.STRONG),  # WATCHING is the verdicts' word
    Mode.PROMOTING: Mark("▲", "PROMOTING", Look.WARN),
    Mode.PARTIAL: Mark("◐", "PARTIAL", Look.ALARM),
    Mode.UNPLACED: Mark("?", "UNPLACED", Look.WARN),
    Mode.HALTED: Mark("■", "HALTED", Look.WARN),
    Mode.ROLLING_BACK: Mark("▼", "ROLLING BACK", Look.ALARM),
    Mode.ROLLED_BACK: Mark("▼", "ROLLED BACK", Look.STRONG),
    Mode.COMPLETE: Mark("✓", "COMPLETE", Look.GOOD),
    Mode.CLOSED: Mark("✓", "CLOSED", Look.STRONG),
}
CLOSED_BACK = Mark("▼", "CLOSED, rolled back", Look.STRONG)
CLOSED_MIDWAY = Mark("▼", "CLOSED, rollback UNFINISHED", Look.ALARM)
"""Instead of a plain CLOSED, which would read as if what was reached still stood."""
OPENING = Mark("·", "OPENING", Look.MUTED)
"""Instead of a mode, before the rollout is open."""

UNDONE = Mark("▼", "was reached", Look.MUTED)
"""A stage that was reached before the rollback."""
ONE_WAY = Mark("⊘", "one-way", Look.WARN)
DRIFTED = Mark("!", "DRIFTED", Look.ALARM)
SOURCE_OK = Mark("✓", "ok", Look.GOOD)
SOURCE_FAILED = Mark("✗", "FAILED", Look.ALARM)
SOURCE_NEVER = Mark("∅", "not read yet", Look.WARN)

CURSOR = "▌"
"""Stands before the selected metric."""

ONSET = "↓"
"""On the time axis: the likeliest beginning of what the stage's verdict is about."""

HATCH = "░"
"""No data where there should be some by now."""

GAP = "·"
"""A tick in which an arm said nothing."""

MOMENTS: Mapping[Verb, str] = {
    Verb.PROMOTE: "p",
    Verb.HALT: "h",
    Verb.RESUME: "u",
    Verb.ROLLBACK: "r",
}
"""Decisions on the time axis, by the letter of their key."""

QUIETER: Mapping[Look, Look] = {Look.ALARM: Look.WARN, Look.WARN: Look.MUTED}
"""The look of a verdict that never acts."""

OUTCOMES: Mapping[str, Look] = {
    "confirmed": Look.GOOD,
    "refused": Look.ALARM,
    "unknown": Look.ALARM,
    "partial": Look.ALARM,
    "requested": Look.WARN,
}
"""Looks of a decision's outcome; any other is plain."""
