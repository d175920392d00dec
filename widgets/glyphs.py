"""Glyph, word and look of every state: one table each, the same on every pane.

The word always goes with the glyph: color and shape only repeat it. Every glyph is one cell wide.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from console.events.evidence import Verb
from console.events.verbs import VERBS, key_of
from console.judge.verdict import StageWord, VerdictState
from console.state.values import Mode, StageMark, StepMark
from widgets.line import Look, Piece

Level = Literal["calm", "warn", "alarm"]
"""How urgent a sentence is."""
Advice = tuple[Level, str]
"""A sentence and its level."""


class Glyph(NamedTuple):
    """A mark: one cell, its word, its look."""

    glyph: str
    word: str
    look: Look

    def __str__(self) -> str:
        return f"{self.glyph} {self.word}"

    @property
    def piece(self) -> Piece:
        """Glyph and word in their look."""
        return Piece(str(self), self.look)


VERDICTS: Mapping[VerdictState, Glyph] = {
    VerdictState.PASS: Glyph("✓", "pass", Look.GOOD),
    VerdictState.FAIL: Glyph("✗", "FAIL", Look.ALARM),
    VerdictState.UNSURE: Glyph("?", "unsure", Look.WARN),
    VerdictState.STALE: Glyph("~", "STALE", Look.WARN),
    VerdictState.NO_DATA: Glyph("∅", "no data", Look.WARN),
}

DETAILS: Mapping[str, Glyph] = {
    "WARN": Glyph("!", "WARN", Look.WARN),
    "WARMING UP": Glyph("?", "WARMING UP", Look.MUTED),
    "WATCHING": Glyph("?", "WATCHING", Look.PLAIN),
    "INCONCLUSIVE": Glyph("?", "INCONCLUSIVE", Look.WARN),
    "NOT JUDGED": Glyph("?", "NOT JUDGED", Look.WARN),
}
"""The kinds of `unsure`; not knowing while there is still time is no alarm."""

STAGE_WORDS: Mapping[StageWord, Glyph] = {
    StageWord.FAIL: Glyph("✗", "FAIL", Look.ALARM),
    StageWord.HOLD: Glyph("!", "HOLD", Look.WARN),
    StageWord.WARN: Glyph("!", "WARN", Look.WARN),
    StageWord.PASS: Glyph("✓", "PASS", Look.GOOD),
    StageWord.WATCHING: Glyph("?", "WATCHING", Look.PLAIN),
    StageWord.INCONCLUSIVE: Glyph("?", "INCONCLUSIVE", Look.WARN),
}

STAGES: Mapping[StageMark, Glyph] = {
    StageMark.PLANNED: Glyph("·", "planned", Look.MUTED),
    StageMark.REQUESTED: Glyph("○", "requested", Look.WARN),
    StageMark.CONFIRMED: Glyph("●", "confirmed", Look.GOOD),
    StageMark.PARTIAL: Glyph("◐", "PARTIAL", Look.ALARM),
    StageMark.FAILED: Glyph("✗", "NOT SET", Look.ALARM),
}

STEPS: Mapping[StepMark, Glyph] = {
    StepMark.PENDING: Glyph("·", "to do", Look.MUTED),
    StepMark.REQUESTED: Glyph("○", "sent", Look.WARN),
    StepMark.HOLDING: Glyph("◐", "settling", Look.WARN),
    StepMark.DONE: Glyph("●", "done", Look.GOOD),
    StepMark.REFUSED: Glyph("✗", "REFUSED", Look.ALARM),
    StepMark.IN_DOUBT: Glyph("?", "IN DOUBT", Look.ALARM),
    StepMark.RELAPSED: Glyph("✗", "MOVED AGAIN", Look.ALARM),
    StepMark.WAITING: Glyph("→", "YOUR TURN", Look.WARN),
    StepMark.SKIPPED: Glyph("–", "skipped", Look.WARN),
    StepMark.OVERDUE: Glyph("✗", "OVERDUE", Look.ALARM),
}

MODES: Mapping[Mode, Glyph] = {
    Mode.READY: Glyph("○", "READY", Look.STRONG),
    Mode.BAKING: Glyph("◐", "BAKING", Look.STRONG),
    Mode.WATCHING: Glyph("●", "BAKED", Look.STRONG),  # WATCHING is the verdicts' word
    Mode.PROMOTING: Glyph("▲", "PROMOTING", Look.WARN),
    Mode.PARTIAL: Glyph("◐", "PARTIAL", Look.ALARM),
    Mode.UNPLACED: Glyph("?", "STAGE UNKNOWN", Look.WARN),
    Mode.HALTED: Glyph("■", "HALTED", Look.WARN),
    Mode.ROLLING_BACK: Glyph("▼", "ROLLING BACK", Look.ALARM),
    Mode.ROLLED_BACK: Glyph("▼", "ROLLED BACK", Look.STRONG),
    Mode.COMPLETE: Glyph("✓", "COMPLETE", Look.GOOD),
    Mode.CLOSED: Glyph("✓", "CLOSED", Look.STRONG),
}
CLOSED_BACK = Glyph("▼", "CLOSED, rolled back", Look.STRONG)
CLOSED_MIDWAY = Glyph("▼", "CLOSED, rollback UNFINISHED", Look.ALARM)
"""Instead of a plain CLOSED, which would read as if the stage that was reached still stood."""
OPENING = Glyph("·", "OPENING", Look.MUTED)
"""Instead of a mode, before the rollout is open."""

UNDONE = Glyph("▼", "was reached", Look.MUTED)
"""A stage that was reached before the rollback."""
ONE_WAY = Glyph("⊘", "one-way", Look.WARN)
DRIFTED = Glyph("!", "DRIFTED", Look.ALARM)
SOURCE_OK = Glyph("✓", "ok", Look.GOOD)
SOURCE_FAILED = Glyph("✗", "FAILED", Look.ALARM)
SOURCE_NEVER = Glyph("∅", "not read yet", Look.WARN)

CURSOR = "▌"
"""Stands before the selected metric."""

ONSET = "↓"
"""On the time axis: the likeliest beginning of the regression that the stage's verdict names."""

HATCH = "░"
"""No data where there should be some by now."""

GAP = "·"
"""A tick without a sample of an arm."""

MOMENTS: Mapping[Verb, str] = {verb: key_of(verb).letter for verb, spec in VERBS.items() if spec.is_on_time_axis}
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
"""Looks of a decision's outcome; any other outcome is plain."""
