"""The evidence over time, reckoned again from the ledger in steps, and the two rows that draw it."""

from __future__ import annotations

from console.state.evidence_history import EvidenceHistory, EvidencePoint
from tests.rollout_rig import Story
from widgets.evidence_history import evidence_history_lines
from widgets.line import text_of


def failing() -> Story:
    story = Story().open()
    story.flow(120)
    story.promote()
    story.flow(300)
    story.flow(120, bad=4000)
    return story


def followed(story: Story, step: int = 10_000) -> EvidenceHistory:
    entry, course = story.state.metrics["errors"], EvidenceHistory()
    while not course.whole:
        course = course.extend(story.state.boundaries, entry, step)
    return course


def test_a_course_ends_where_the_state_stands() -> None:
    story = failing()
    track = story.state.metrics["errors"].track
    assert track is not None
    last = followed(story).points[-1]
    assert last == EvidencePoint(track.judged_to, track.evidence.worse, track.evidence.ready)


def test_following_in_small_steps_gives_the_same_course() -> None:
    story = failing()
    assert followed(story, 7).points == followed(story).points


def test_a_course_goes_on_with_what_was_judged_since() -> None:
    story = failing()
    early = followed(story)
    story.flow(60)
    later = early.extend(story.state.boundaries, story.state.metrics["errors"], 10_000)
    assert later.points == followed(story).points
    assert later.points[: len(early.points)] == early.points


def test_a_course_tells_only_the_stage_of_its_last_tick() -> None:
    story = failing()
    stood = len(followed(story).points)
    story.promote()
    story.flow(120)
    assert 0 < len(followed(story).points) < stood


def test_before_anything_was_judged_there_is_no_course_and_it_is_whole() -> None:
    story = Story().open()
    story.flow(60)
    assert followed(story) == EvidenceHistory(whole=True)
    assert (
        text_of(evidence_history_lines(EvidenceHistory(whole=True), 70, 10.0)[0]) == "no tick judged in this stage yet"
    )


def test_the_rows_rise_to_the_top_where_the_evidence_is_enough() -> None:
    worse, ready, over = (text_of(line) for line in evidence_history_lines(followed(failing()), 100, 10.0))
    assert worse.startswith("worse  ▁") and "█ " in worse and "top block: 100:1, a FAIL" in worse
    assert ready.startswith("pass   ") and "top block: 20:1, a pass" in ready
    assert over.endswith("a cell is 1 tick of 10 s")


def test_many_ticks_share_cells_and_a_peak_is_not_lost() -> None:
    marks = tuple(EvidencePoint(10.0 * n, 1000.0 if n == 500 else 1.0, 1.0) for n in range(1000))
    worse, _, over = (text_of(line) for line in evidence_history_lines(EvidenceHistory(marks, whole=True), 80, 10.0))
    assert worse.count("█") == 1
    assert over.endswith("a cell is 24 ticks of 10 s")


def test_a_course_that_is_still_being_followed_says_so() -> None:
    assert text_of(evidence_history_lines(EvidenceHistory((EvidencePoint(0.0, 1.0, 1.0),)), 80, 10.0)[-1]).endswith(
        "computing.."
    )
