"""Whose move was it? Every way a target with steps of its own comes to stand further on, as a table. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from adapters.contract import Outcome, OwnStep, Phase, Setting, StepsReading, TargetReading, VersionsReading, Wait
from console.events.evidence import Card, Verb
from console.events.kinds import DecisionTaken, Event, RequestMade, RequestReconciled, RequestSettled, TargetObserved
from console.plan.loader import parse
from console.state.folding import blank, fold
from console.state.stepped_targets import may_be_paused, stands_still
from console.state.values import RolloutState
from tests.reading_rig import steps_read, varied
from tests.steps_rig import LISTED

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PLAN = parse(LISTED.replace("adapter: argo}", "adapter: argo-rollouts}"), "plan.yaml")

WEIGHT, ANALYSIS = OwnStep("set weight 20 %", 20.0), OwnStep("analysis errors", 20.0)
TIMER, GATE = OwnStep("pause 5m", 20.0, waits=True, lasts_s=300.0), OwnStep("pause", 20.0, waits=True)
RUNS, TIMED, GATED = ANALYSIS, TIMER, GATE
"""What step 1 is."""


@dataclass
class Course:
    """What happened to a target, in order; each happening a second after the one before it."""

    first: OwnStep
    state: RolloutState = field(default_factory=lambda: replace(blank(PLAN, "one/1"), opened_at=AT, reached=0))
    seconds: float = 0.0
    calls: int = 0

    def reads(self, step: int, waits: Wait | None = None, *, hand: str | None = None, token: str | None = None) -> None:
        """A reading. Its version token differs with where it stands, as the adapters' do."""
        steps = (WEIGHT, self.first, WEIGHT, GATE, WEIGHT, GATE)
        done = step == len(steps)
        phase = Phase.HEALTHY if done else Phase.PROGRESSING if waits is None else Phase.PAUSED
        reading = TargetReading(
            "api",
            self._tick(),
            100.0 if done else 20.0,
            phase=phase,
            versions=VersionsReading("h2", "h1", revision=token or f"{step} {waits}"),
            changed_by=hand,
            steps=StepsReading(step, len(steps), steps, at_rest=done, waits=waits),
        )
        self._fold(TargetObserved(at=reading.at, reading=reading))

    def asks(self, action: str, outcome: Outcome | None = Outcome.ACCEPTED, *, behind_s: float = 0.0) -> str:
        """A call of ours, decided on what is read, and how it ended; None: it is not settled yet.

        `behind_s`: by how much the clock of the console that makes it is behind.
        """
        self.calls += 1
        at, reading = self._tick() - timedelta(seconds=behind_s), self.state.targets["api"].reading
        by_hand = action in ("pause", "resume")
        made = RequestMade(
            id=f"call{self.calls}",
            at=at,
            decision="d",
            backend="cluster",
            target="api",
            setting=Setting(None, step=3) if action == "set" else Setting(None),
            action=action,
            send_by=at + timedelta(seconds=5),
            deadline_s=5.0,
            seen=None if by_hand or reading is None else reading.versions.revision,
        )
        self._fold(made)
        if outcome is not None:
            self.settles(made.id, outcome, behind_s=behind_s)
        return made.id

    def settles(self, call: str, outcome: Outcome, *, behind_s: float = 0.0) -> None:
        at = self._tick() - timedelta(seconds=behind_s)
        self._fold(RequestSettled(at=at, request=call, outcome=outcome))

    def tells(self, call: str, *, took_effect: bool) -> None:
        self._fold(RequestReconciled(at=self._tick(), request=call, took_effect=took_effect, reads="so"))

    def accepts(self) -> None:
        """The operator accepts what others did."""
        at = self._tick()
        card = Card(Verb.ACCEPT, "", "", 0, at)
        self._fold(DecisionTaken(at=at, verb=Verb.ACCEPT, stage=0, card=card, subject="api"))

    def waits_s(self, seconds: float) -> None:
        self.seconds += seconds

    @property
    def drifted(self) -> bool:
        return self.state.targets["api"].drift is not None

    @property
    def outside(self) -> list[str]:
        return [line.text for line in self.state.log if line.kind == "drift"]

    def _tick(self) -> datetime:
        self.seconds += 1.0
        return AT + timedelta(seconds=self.seconds)

    def _fold(self, event: Event) -> None:
        self.state = fold(self.state, event)


def after(first: OwnStep, *happenings: str) -> Course:
    """The course after these happenings, in words.

    "1", "1 gate", "1 manual": it reads so. "vendor 3": it reads so, and another hand wrote the step. Any other word is
    a call of ours that was accepted; with "?" unknown, "!" refused, ".." not settled yet.
    """
    course = Course(first)
    for words in happenings:
        head, _, rest = words.partition(" ")
        if head.isdigit():
            course.reads(int(head), Wait(rest) if rest else None)
        elif head == "vendor":
            course.reads(int(rest), hand="kubectl")
        else:
            ends = {"?": Outcome.UNKNOWN, "!": Outcome.REFUSED, "..": None}
            mark = next((mark for mark in ends if head.endswith(mark)), "")
            course.asks(head.removesuffix(mark), ends[mark] if mark else Outcome.ACCEPTED)
    return course


OURS: Sequence[tuple[str, OwnStep, tuple[str, ...]]] = (
    ("it climbs by itself", RUNS, ("0", "1", "3 gate")),
    ("a timer ran out", TIMED, ("0", "1 timer", "3 gate")),
    ("a timer ran out, and nothing was read of it", TIMED, ("0", "3 gate")),
    ("a promote ended the gate", GATED, ("1 gate", "set", "2")),
    ("a promote ended the gate, read late", GATED, ("1 gate", "set", "3 gate")),
    ("a promote whose outcome is unknown", GATED, ("1 gate", "set?", "3 gate")),
    ("a promote that is not settled", GATED, ("1 gate", "set..", "3 gate")),
    ("a promote each", GATED, ("1 gate", "set", "3 gate", "set", "5 gate", "set", "6")),
    ("an inconclusive analysis was accepted", RUNS, ("1 judgement", "accept", "3 gate")),
    ("a skip", RUNS, ("1", "skip", "3 gate")),
    ("promoted in full", GATED, ("1 gate", "promote-full", "6")),
    # a resume of ours: on the way it may go as far as a controller goes by itself
    ("halt, resume, an analysis ended", RUNS, ("1", "pause", "1 manual", "resume", "3 gate")),
    ("the same, read on the way", RUNS, ("1", "pause", "1 manual", "resume", "1", "3 gate")),
    ("halt, resume, a timer ran out", TIMED, ("1 timer", "pause", "1 manual", "resume", "3 gate")),
    ("halt, resume, the gate stands", GATED, ("1 gate", "pause", "1 manual", "resume", "1 gate")),
    ("halt and resume between two reads", RUNS, ("1", "pause", "resume", "3 gate")),
    ("halt, resume, promote between two reads", GATED, ("1 gate", "pause", "resume", "set", "3 gate")),
    (
        "halt, then resume and promote between two reads",
        GATED,
        ("1 gate", "pause", "1 manual", "resume", "set", "3 gate"),
    ),
    ("halt before a resume whose outcome is unknown", RUNS, ("1", "pause", "1 manual", "resume?", "3 gate")),
    ("halt before a resume that is not settled", RUNS, ("1", "pause", "1 manual", "resume..", "3 gate")),
    ("a resume of what another paused", RUNS, ("1", "1 manual", "resume", "3 gate")),
    ("it was paused by hand as it was opened", RUNS, ("1 manual", "resume", "3 gate")),
    (
        "halt, resume, an inconclusive analysis accepted",
        RUNS,
        ("1 judgement", "pause", "1 manual", "resume", "1 judgement", "accept", "3 gate"),
    ),
    ("the same between two reads", RUNS, ("1 judgement", "pause", "1 manual", "resume", "accept", "3 gate")),
    ("twice over", RUNS, ("1", "pause", "1 manual", "resume", "1", "pause", "1 manual", "resume", "3 gate")),
    ("the second halt read late", RUNS, ("1", "pause", "1 manual", "resume", "pause", "resume", "3 gate")),
    ("a halt came while a step was ending", RUNS, ("1", "pause", "1 manual", "2 manual", "resume", "3 gate")),
    ("the same, with a resume before that was read", RUNS, ("1", "pause", "1 manual", "resume", "2 manual", "3 gate")),
    (
        "halted and resumed at a gate, then promoted",
        GATED,
        ("1 gate", "pause", "1 manual", "resume", "1 gate", "set", "3 gate"),
    ),
    ("halt, resume, to its end", RUNS, ("3 gate", "set", "5 gate", "set", "5", "pause", "5 manual", "resume", "6")),
)

THEIRS: Sequence[tuple[str, OwnStep, tuple[str, ...]]] = (
    ("another ended the gate", GATED, ("1 gate", "2")),
    ("another ended the gate, read late", GATED, ("1 gate", "3 gate")),
    ("a gate that was never read", GATED, ("0", "3 gate")),
    ("another hand wrote the step", RUNS, ("1", "vendor 3")),
    ("our promote was refused", GATED, ("1 gate", "set!", "3 gate")),
    ("our promote had been used up", GATED, ("1 gate", "set", "3 gate", "4")),
    ("one promote, two gates", GATED, ("1 gate", "set", "5 gate")),
    ("two promotes of one gate, two gates", GATED, ("1 gate", "set", "set", "5 gate")),
    ("our promote ended a timer, another the gate after it", TIMED, ("1 timer", "set", "5 gate")),
    ("our skip left the analysis, another the gate after it", RUNS, ("1", "skip", "5 gate")),
    ("our accept ended the analysis, another the gate after it", RUNS, ("1 judgement", "accept", "5 gate")),
    ("another accepted the analysis", RUNS, ("1 judgement", "2")),
    # a resume of ours ends a pause by hand, and nothing else
    ("halt, and another took it back", RUNS, ("1", "pause", "1 manual", "3 gate")),
    ("the same by one step", RUNS, ("1", "pause", "1 manual", "2")),
    ("another paused it and took it back", RUNS, ("1", "1 manual", "3 gate")),
    ("our resume was refused", RUNS, ("1", "pause", "1 manual", "resume!", "3 gate")),
    ("halt and resume; another ended the gate", GATED, ("1 gate", "pause", "1 manual", "resume", "3 gate")),
    ("the same, read on the way", GATED, ("1 gate", "pause", "1 manual", "resume", "1 gate", "2")),
    ("halt and resume between two reads; another ended the gate", GATED, ("1 gate", "pause", "resume", "3 gate")),
    ("halt and resume; another ended a gate further on", RUNS, ("1", "pause", "1 manual", "resume", "5 gate")),
    ("halt and resume; another accepted the analysis", RUNS, ("1 judgement", "pause", "1 manual", "resume", "3 gate")),
    ("our resume was of an earlier pause", RUNS, ("1", "pause", "1 manual", "resume", "1", "1 manual", "3 gate")),
    ("halt, resume, halt again; another took that back", RUNS, ("1", "pause", "resume", "pause", "1 manual", "3 gate")),
    ("our promote ends no pause by hand", GATED, ("1 gate", "set", "1 manual", "3 gate")),
    ("it jumped while paused by hand", RUNS, ("1", "pause", "1 manual", "3 manual")),
    ("a gate was passed while paused by hand", GATED, ("1 gate", "pause", "1 manual", "2 manual")),
    ("another let it go to its end", RUNS, ("5 gate", "5 manual", "6")),
)


@pytest.mark.parametrize(("first", "happenings"), [row[1:] for row in OURS], ids=[row[0] for row in OURS])
def test_ours_and_the_controllers_own_moves_are_no_drift(first: OwnStep, happenings: tuple[str, ...]) -> None:
    course = after(first, *happenings)
    assert not course.drifted, course.outside


@pytest.mark.parametrize(("first", "happenings"), [row[1:] for row in THEIRS], ids=[row[0] for row in THEIRS])
def test_a_move_of_others_is_drift(first: OwnStep, happenings: tuple[str, ...]) -> None:
    course = after(first, *happenings)
    assert course.drifted
    assert course.outside[-1].startswith("api moved outside warroom")


def test_it_says_that_the_pause_was_one_by_hand() -> None:
    course = after(RUNS, "1", "pause", "1 manual", "3 gate")
    assert course.outside == ["api moved outside warroom: step 1 -> 3, past the pause by hand at step 1"]


def test_a_resume_that_had_no_effect_explains_nothing() -> None:
    course = after(RUNS, "1", "pause", "1 manual")
    course.tells(course.asks("resume", Outcome.UNKNOWN), took_effect=False)
    course.reads(3, Wait.GATE)
    assert course.drifted


@pytest.mark.parametrize("first", [RUNS, TIMED])
def test_a_console_whose_clock_is_behind_resumes_like_any_other(first: OwnStep) -> None:
    course = after(first, "0", "1", "1 manual")
    course.asks("resume", behind_s=60.0)
    course.reads(3, Wait.GATE)
    assert not course.drifted, course.outside


def test_a_console_whose_clock_is_behind_promotes_like_any_other() -> None:
    course = after(GATED, "0", "1 gate")
    course.asks("set", behind_s=60.0)
    course.reads(3, Wait.GATE)
    assert not course.drifted, course.outside


def test_a_console_whose_clock_is_ahead_promotes_once() -> None:
    course = after(GATED, "0", "1 gate")
    course.asks("set", behind_s=-60.0)
    course.reads(3, Wait.GATE)
    course.reads(4)
    assert course.drifted


def test_a_pause_by_hand_that_was_read_long_after_our_resume_is_another() -> None:
    course = after(RUNS, "1", "pause", "resume")
    course.waits_s(PLAN.timing.read_deadline_s)
    course.reads(1, Wait.MANUAL)
    course.reads(3, Wait.GATE)
    assert course.drifted


def test_a_read_that_was_under_way_shows_the_pause_that_our_resume_took_back() -> None:
    course = after(RUNS, "1", "pause", "resume", "1 manual", "1", "3 gate")
    assert course.outside == []


def test_an_accepted_drift_leaves_no_call_of_before_to_explain_the_next() -> None:
    course = after(RUNS, "1", "pause", "1 manual", "resume", "5 gate")
    course.accepts()
    assert not course.drifted
    course.reads(6)
    assert course.drifted


def test_an_accepted_pause_by_hand_needs_a_resume_of_its_own() -> None:
    course = after(RUNS, "1", "pause", "1 manual", "resume", "5 manual")
    course.accepts()
    course.reads(6)
    assert course.drifted


def test_a_second_reading_does_not_make_a_foreign_move_ours() -> None:
    course = after(RUNS, "1", "pause", "1 manual", "resume", "1", "1 manual", "2", "3 gate")
    assert course.drifted


def test_a_pause_or_a_resume_by_hand_of_others_is_a_line_in_the_log() -> None:
    course = after(RUNS, "1", "1 manual", "1")
    assert course.outside == ["api was paused by hand outside warroom", "api was resumed by hand outside warroom"]
    assert not course.drifted


def test_of_our_own_there_is_none_and_an_earlier_one_hides_no_later_one() -> None:
    course = after(RUNS, "1", "pause", "1 manual", "resume", "1")
    assert course.outside == []
    course.reads(1, Wait.MANUAL)
    course.reads(1)
    assert course.outside == ["api was paused by hand outside warroom", "api was resumed by hand outside warroom"]


def test_steps_that_were_added_meanwhile_are_no_fault() -> None:
    course = after(RUNS, "5 gate")
    entry = course.state.targets["api"]
    assert entry.confirmed is not None
    few = varied(entry.confirmed, step=1, count=2, own=steps_read(entry.confirmed).own[:2], waits=None)
    course.state = replace(course.state, targets={"api": replace(entry, confirmed=few, reading=few)})
    course.reads(5, Wait.GATE)
    assert course.state.targets["api"].reading is not None


# -- what a halt and a resume find to do ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("happenings", "still", "to_resume"),
    [
        (("1",), False, False),
        (("1 manual",), True, True),
        (("1", "pause"), True, True),
        (("1", "pause.."), False, True),
        (("1", "pause?"), False, True),
        (("1", "pause!"), False, False),
        (("1", "pause", "1 manual"), True, True),
        (("1", "pause", "1 manual", "resume"), False, False),
        (("1", "pause", "1 manual", "resume?"), False, True),
        (("1", "pause", "1 manual", "resume!"), True, True),
        (("1", "pause", "1 manual", "resume", "1"), False, False),
        (("1", "pause", "1"), False, True),
        (("1", "pause", "1", "1"), False, True),
        (("1", "pause", "1", "1", "1"), False, False),
        (("1", "1 manual", "resume", "1", "1 manual"), False, True),
        (("1", "1 manual", "resume", "1", "1", "1", "1 manual"), True, True),
    ],
)
def test_what_we_asked_for_since_the_last_read_counts(
    happenings: tuple[str, ...], still: bool, to_resume: bool
) -> None:
    """A resume right after a halt takes it back before it is read, and a halt right after that pauses it again."""
    state = after(RUNS, *happenings).state
    entry = state.targets["api"]
    assert (stands_still(state, entry), may_be_paused(state, entry)) == (still, to_resume)
