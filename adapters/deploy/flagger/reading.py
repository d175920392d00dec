"""Make one TargetReading of a Canary and its events. Pure.

Its phase shows neither a closed traffic gate nor a suspension; the latter is read from the spec. Where the gate is
ours, the weight stays until we say yes. Where it is another's the events show it, as long as they come: of the events
about one Canary Flagger's client drops all but one in five minutes after the first 25 (client-go's spam filter). With
`match` or `iterations` the weight says nothing about users.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from adapters.contract import Phase, StepsReading, TargetReading, TargetRef, VersionsReading, Wait
from adapters.deploy.flagger.guard import GuardToken
from adapters.deploy.flagger.steps import (
    AT_REST,
    FAILED,
    PROMOTING,
    UNDER_WAY,
    WAITING,
    by_iterations,
    first_step,
    gated_steps,
    interval_s,
    rounds,
    step_of,
)
from adapters.deploy.flagger.target import WantedTemplate
from adapters.deploy.flagger.wire import CONFIRM_TRAFFIC, GATES, ROLLBACK, Canary, KubeEvent
from adapters.kube.marks import marks_of
from adapters.kube.wire import gitops_notes, reasons_by_verb
from adapters.sanitize import one_line

_CLOSED = "advancement waiting for traffic increase approval"
"""Flagger's event each time it met a closed traffic gate; its status does not show it."""
_SAID_LAST_S = 600.0
"""How long a warning is shown."""


def asks_us(canary: Canary, kind: str, gates: str | None) -> bool:
    """Whether the first webhook of a kind calls our own gate."""
    hook = canary.webhook(kind)
    return hook is not None and is_ours(hook.url, kind, gates)


def is_ours(url: str, kind: str, gates: str | None) -> bool:
    """Whether a webhook calls our own gate, with any token."""
    return gates is not None and url.partition("?")[0].rstrip("/") == f"{gates}/flagger/{kind}"


def reading_of(
    target: TargetRef,
    canary: Canary,
    events: Sequence[KubeEvent],
    at: datetime,
    gates: str | None,
    lacks: Mapping[str, str],
    wanted: WantedTemplate,
) -> TargetReading:
    """Make the reading of a target. `gates`: our own address. `lacks`: verb -> the permission missing for it."""
    steps, step, status = gated_steps(canary), step_of(canary), canary.status
    phase, waits = _phase_and_wait(canary, events, at, gates)
    resting = status.phase in AT_REST
    deleted = canary.meta.deleted is not None or status.phase in ("Terminating", "Terminated")
    share = 100.0 if resting or status.phase in PROMOTING else _weight(canary)
    is_asked = any(is_ours(hook.url, hook.type, gates) for hook in canary.analysis.webhooks)
    return TargetReading(
        target=target.target,
        at=at,
        percent=share,
        phase=phase,
        detail=one_line(_detail(canary, step)),
        problem="it is being deleted" if deleted else None,
        versions=VersionsReading(
            canary=None if status.phase == WAITING else status.applied or None,  # not begun, it has no name yet
            baseline=status.promoted or None,
            release=wanted.text or None,
            revision=str(GuardToken.of(canary, wanted.template)),
        ),
        steps=StepsReading(
            step=step,
            count=len(steps),
            own=tuple(each.step for each in steps),
            at_rest=resting,
            waits=waits,
            desired=share,
            asks_s=_asks_s(canary, step) if is_asked else None,
        ),
        cannot={**_cannot(canary, step, gates), **lacks},
        notes=_notes(canary, events, at, gates, wanted),
        marks=marks_of(canary.meta),
    )


def _phase_and_wait(
    canary: Canary, events: Sequence[KubeEvent], at: datetime, gates: str | None
) -> tuple[Phase, Wait | None]:
    phase = canary.status.phase
    if phase in ("", "Initializing"):
        return Phase.PENDING, None
    if phase in AT_REST:
        return Phase.HEALTHY, None
    if phase == FAILED:
        return Phase.ABORTED, None
    if canary.suspend:
        return Phase.PAUSED, Wait.MANUAL
    if phase in (WAITING, "WaitingPromotion"):
        return Phase.PAUSED, Wait.GATE
    ours = not by_iterations(canary) and asks_us(canary, CONFIRM_TRAFFIC, gates)
    if phase == "Progressing" and (ours or _met_a_closed_gate(canary, events, at)):
        return Phase.PAUSED, Wait.GATE
    if phase in ("Progressing", *PROMOTING):
        return Phase.PROGRESSING, None
    return Phase.UNKNOWN, None


def _met_a_closed_gate(canary: Canary, events: Sequence[KubeEvent], at: datetime) -> bool:
    """Whether it was refused since it last moved, and lately. One event per interval says so."""
    closed_at = max((event.last_at for event in events if _CLOSED in event.message), default=None)
    if closed_at is None or at - closed_at > timedelta(seconds=3 * interval_s(canary.analysis)):
        return False
    return canary.status.moved is None or closed_at >= canary.status.moved


def _asks_s(canary: Canary, step: int) -> float:
    """The longest time between two questions, in seconds. It counts all its checks before it asks to promote."""
    looks = rounds(canary) + 1 if by_iterations(canary) and step == first_step(canary) else 1
    return looks * interval_s(canary.analysis)


def _weight(canary: Canary) -> float:
    if canary.status.phase not in ("Progressing", "WaitingPromotion"):
        return 0.0
    if by_iterations(canary):  # its status holds no weight
        return gated_steps(canary)[step_of(canary)].step.percent or 0.0
    return float(canary.status.weight)


def _detail(canary: Canary, step: int) -> str:
    status, steps = canary.status, gated_steps(canary)
    parts = [status.phase or "not initialized yet"]
    if step < len(steps) and status.phase not in (FAILED, "", "Initializing"):
        parts.append(f"step {step} of {len(steps)}: {steps[step].step.text}")
    if status.phase == FAILED:
        parts.append("all traffic is on the primary")
    if status.iterations:
        parts.append(f"check {status.iterations}")
    if status.failed_checks:
        parts.append(f"{status.failed_checks} of {canary.analysis.threshold} failed checks")
    if by_iterations(canary) and canary.analysis.match:
        parts.append("A/B: its users are chosen, not a share")
    return "; ".join(parts)


def _cannot(canary: Canary, step: int, gates: str | None) -> dict[str, str]:
    """Map each verb that the Canary's state rules out to the reason. Missing permissions are not known here."""
    suspended, under_way = canary.suspend, canary.status.phase in UNDER_WAY
    why = _no_advance(canary, step, gates)
    return reasons_by_verb(
        (("promote",), why is not None, why or ""),
        (("pause", "suspend"), suspended, "it is suspended already"),
        (("pause",), not under_way, "nothing is under way that could be stopped"),
        (("resume", "unsuspend"), not suspended, "it is not suspended"),
        (("skip-analysis",), canary.skip, "it skips its analysis already"),
        (("skip-analysis",), not under_way, "nothing is under way"),
        (("keep-analysis",), not canary.skip, "it does not skip its analysis"),
    )


def _no_advance(canary: Canary, step: int, gates: str | None) -> str | None:
    """Say why no gate of ours can let it go on. None where one can."""
    phase, steps = canary.status.phase, gated_steps(canary)
    if phase in AT_REST:
        return "nothing is under way: no new version was set"
    if phase == FAILED:
        return "it failed and is back on the primary: only a new release begins again"
    if phase in PROMOTING or step >= len(steps):
        return "it is being promoted already"
    if phase not in UNDER_WAY:
        return f"it is {one_line(phase, 20) or 'not initialized yet'}"
    if canary.suspend:
        return "it is suspended and asks at no gate: unsuspend it first"
    there = steps[step].gates
    if not there:
        return "no gate stands at this step: Flagger goes on by itself"
    if any(asks_us(canary, kind, gates) for kind in there):
        return None
    hook = canary.webhook(there[0])
    address = one_line(hook.url.partition("?")[0], 60) if hook is not None else "?"  # the query may hold a secret
    return f"its gate {there[0]} asks {address}, not warroom" if gates else "the plan's backend names no gates"


def _notes(
    canary: Canary, events: Sequence[KubeEvent], at: datetime, gates: str | None, wanted: WantedTemplate
) -> tuple[str, ...]:
    found: list[str] = []
    if canary.status.phase == WAITING and wanted.unknown:
        found.append(f"the version that waits to start is unknown ({wanted.unknown}): a promote starts any that is set")
    found += gitops_notes(canary.meta, "suspend and skip")
    if canary.skip:
        found.append("skipAnalysis is on: this release and every later one goes out without analysis")
    if canary.suspend:
        found.append("suspended: its own checks, its failure limit and its rollback are off too")
    if gates is not None and not asks_us(canary, ROLLBACK, gates):
        found.append("no rollback webhook asks warroom: it goes back only when its own checks fail")
    for kind in GATES:
        several = [one for one in canary.analysis.webhooks if one.type == kind]
        if len(several) > 1:
            found.append(f"{len(several)} webhooks of type {kind}: all of them have to agree")
    lately = [one for one in events if one.type == "Warning" and (at - one.last_at).total_seconds() < _SAID_LAST_S]
    if lately:
        found.append(one_line(max(lately, key=lambda one: one.last_at).message, 160))
    return tuple(found)
