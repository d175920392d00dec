"""A verdict in words, the same on every pane: mark, ratio with interval, odds, both arms' levels."""

from __future__ import annotations

from adapters.contract import Shape
from console.judge.verdict import SILENT, Verdict, VerdictState
from console.judge.wording import odds
from widgets import format
from widgets.glyphs import DETAILS, VERDICTS, Glyph

NO_SIGN = "no sign"
"""Instead of odds below 1:1: no sign that the canary is worse."""


def mark_of(state: str, detail: str) -> Glyph:
    """The mark of a verdict: `unsure` by its kind, a pass with what it excludes, a FAIL that went silent.

    A state that a newer version wrote is shown as it is.
    """
    try:
        mark = VERDICTS[VerdictState(state)]
    except ValueError:
        return VERDICTS[VerdictState.UNSURE]._replace(word=state)
    if state == VerdictState.UNSURE:
        return DETAILS.get(detail, mark)
    if not detail:
        return mark
    return mark._replace(word=f"{mark.word} ({detail})" if state == VerdictState.PASS else f"{mark.word} {detail}")


def is_old(verdict: Verdict) -> bool:
    """Whether the verdict rests on old data although fresh data is due."""
    if verdict.state is VerdictState.FAIL:
        return verdict.detail == SILENT
    return verdict.state in (VerdictState.STALE, VerdictState.NO_DATA) and not verdict.idle


def ratio_of(state: str, ratio: float | None, low: float | None, high: float | None, brief: str) -> str:
    """ "10x (7.4-14)"; empty where no ratio can be formed.

    A FAIL that began late says "5.7x since 02:43Z" in its `brief`. The interval of its average over the stage may
    still contain 1, which would contradict the FAIL beside it: then it is "2.3x over stage".
    """
    if ratio is None:
        return ""
    if state == VerdictState.FAIL and brief and low is not None and high is not None and low < 1 < high:
        return f"{format.ratio(ratio)} over stage"
    return f"{format.ratio(ratio)} {format.interval(low, high)}".rstrip()


def odds_of(state: str, evidence: float | None, ready: float | None) -> str:
    """ "340:1": the odds of what the verdict says; empty before the first judged tick.

    For a pass the odds that it holds, for any other verdict the odds that the canary is worse. Below 1:1 nothing
    speaks for worse, and a number such as 0.6:1 would have to be decoded: then it is NO_SIGN.
    """
    if state == VerdictState.PASS:
        return "" if ready is None else odds(ready)
    if evidence is None:
        return ""
    return odds(evidence) if evidence >= 1 else NO_SIGN


def claim_of(state: str, words: str) -> str:
    """ " worse" after odds that are for worse; empty after those of a pass and after NO_SIGN."""
    return " worse" if words and words != NO_SIGN and state != VerdictState.PASS else ""


def levels_of(verdict: Verdict, shape: Shape) -> str:
    """ "4.10 % vs 0.40 %": the canary's level and the baseline's, or alone."""
    own = format.amount(verdict.canary.value, shape)
    return own if verdict.baseline.value is None else f"{own} vs {format.amount(verdict.baseline.value, shape)}"


def remark_of(verdict: Verdict) -> str:
    """The rest of a verdict: since when, how long to go, or why there is none."""
    if verdict.brief or verdict.state is VerdictState.PASS:
        return verdict.brief
    return verdict.reason
