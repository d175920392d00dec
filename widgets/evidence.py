"""A verdict as words, the same on every pane: its mark, the ratio with its interval, the odds, both arms' levels."""

from __future__ import annotations

from adapters.contract import Shape
from console.judge.verdict import SILENT, Verdict, VerdictState
from console.judge.wording import odds
from widgets import format
from widgets.glyphs import DETAILS, VERDICTS, Glyph


def mark_of(state: str, detail: str) -> Glyph:
    """The mark of a verdict: `unsure` by its kind, a pass with what it excludes, a FAIL that went silent.

    A state that a newer version wrote is shown as it is.
    """
    try:
        mark = VERDICTS[VerdictState(state)]
    except ValueError:
        return replace_word(VERDICTS[VerdictState.UNSURE], state)
    if state == VerdictState.UNSURE:
        return DETAILS.get(detail, mark)
    if not detail:
        return mark
    return replace_word(mark, f"{mark.word} ({detail})" if state == VerdictState.PASS else f"{mark.word} {detail}")


def replace_word(mark: Glyph, word: str) -> Glyph:
    """`mark` with another word."""
    return mark._replace(word=word)


def is_old(verdict: Verdict) -> bool:
    """Whether what is shown is over: nothing fresh, and that is not as it should be."""
    if verdict.state is VerdictState.FAIL:
        return verdict.detail == SILENT
    return verdict.state in (VerdictState.STALE, VerdictState.NO_DATA) and not verdict.idle


def ratio_of(state: str, ratio: float | None, low: float | None, high: float | None, brief: str) -> str:
    """ "10x (7.4-14)"; empty where no ratio can be formed.

    A FAIL that began late says "5.7x since 02:43Z" in its `brief`. Its average over the stage may be in doubt all the
    same, and an interval with 1 in it beside FAIL would only puzzle: then it is "2.3x over stage".
    """
    if ratio is None:
        return ""
    if state == VerdictState.FAIL and brief and low is not None and high is not None and low < 1 < high:
        return f"{format.ratio(ratio)} over stage"
    return f"{format.ratio(ratio)} {format.interval(low, high)}".rstrip()


def odds_of(state: str, evidence: float | None, ready: float | None) -> str:
    """ "340:1": for the pass where it passes, else that the canary is worse; empty before anything was judged."""
    told = ready if state == VerdictState.PASS else evidence
    return "" if told is None else odds(told)


def levels_of(verdict: Verdict, shape: Shape) -> str:
    """ "4.10 % vs 0.40 %": the canary's level and the baseline's, or alone."""
    own = format.amount(verdict.canary.value, shape)
    return own if verdict.baseline.value is None else f"{own} vs {format.amount(verdict.baseline.value, shape)}"


def remark_of(verdict: Verdict) -> str:
    """What is not said by mark, ratio and odds: since when, how long to go, or why there is no verdict."""
    if verdict.brief or verdict.state is VerdictState.PASS:
        return verdict.brief
    return verdict.reason
