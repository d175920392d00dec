"""Call the backends for one decision."""

from __future__ import annotations

from collections.abc import Callable

from adapters.contract import Outcome, Setting
from console.engine.answer import Answer, Result
from console.engine.backend_set import BackendSet
from console.engine.inflight import ForwardMove, overtaken_reason
from console.engine.pollers import Pollers
from console.engine.requests import CallResult, Requests
from console.engine.rollout_marks import RolloutMarks
from console.engine.store import StateStore
from console.events.kinds import DecisionTaken
from console.journal.contract import JournalUnavailable
from console.plan.nouns import Target
from console.state.orders import SAFE
from console.state.stepped_targets import may_be_paused, stands_still


class TargetCalls:
    """Send the requests of a recorded decision, in plan order."""

    def __init__(
        self, store: StateStore, requests: Requests, backends: BackendSet, pollers: Pollers, marks: RolloutMarks
    ) -> None:
        self._store = store
        self._requests = requests
        self._backends = backends
        self._pollers = pollers
        self._marks = marks

    async def promote(self, decision: DecisionTaken, forward: ForwardMove, settings: dict[str, Setting]) -> Answer:
        """Set each target until a request is not accepted."""
        targets = self._store.state.plan.targets

        def lapse_reason() -> str | None:
            return forward.lapse_reason(self._store.state)

        for name, setting in settings.items():
            if (reason := lapse_reason()) is not None:
                return Answer(Result.REFUSED, f"promote stopped before {name}: {reason}")
            try:
                ended = await self._send(decision, targets[name], setting, guarded=True, lapsed=lapse_reason)
            except JournalUnavailable as error:
                return Answer(Result.REFUSED, f"promote stopped before {name}: {error}")
            if ended.outcome is not Outcome.ACCEPTED:
                return _not_accepted(f"promote: {name} -> {setting}", ended, targets[name])
            self._marks.set_soon(targets[name], decision)
        return Answer(Result.ACCEPTED, f"promote to {decision.card.stage_to} accepted")

    async def order(self, decision: DecisionTaken) -> Answer:
        """Give a backend an order, guarded by the version on the card."""
        name, _, order = (decision.subject or "").partition(" ")
        target = self._store.state.plan.targets[name]

        def lapse_reason() -> str | None:
            return None if order in SAFE else overtaken_reason(self._store.state, decision.id)

        try:
            ended = await self._send(decision, target, Setting(None), action=order, guarded=True, lapsed=lapse_reason)
        except JournalUnavailable as error:
            return Answer(Result.REFUSED, f"order refused: {error}")
        if ended.outcome is Outcome.ACCEPTED:
            if order not in SAFE:
                self._marks.set_soon(target, decision)
            return Answer(Result.ACCEPTED, f"{decision.subject}: accepted")
        return _not_accepted(f"order: {decision.subject}", ended, target)

    async def pause(self, decision: DecisionTaken) -> Answer:
        """Pause every target that advances by itself."""
        lines = []
        for target in self._store.state.plan.targets.values():
            powers = self._backends.current.capabilities(target)
            if not powers.advances or stands_still(self._store.state, self._store.state.targets[target.name]):
                continue
            if not powers.can_pause:
                lines.append(f"{target.name} advances by itself and cannot be paused")
                continue
            ended = await self._send(decision, target, Setting(None), action="pause")
            if ended.outcome is not Outcome.ACCEPTED:
                lines.append(f"pausing {target.name}: {ended.outcome}: {ended.reason}")
        return Answer(Result.ACCEPTED, "; ".join(["halted", *lines]))

    async def resume(self, decision: DecisionTaken) -> Answer:
        """Resume every target that a halt holds."""
        lines = []
        for target in self._store.state.plan.targets.values():
            powers, state = self._backends.current.capabilities(target), self._store.state
            if not (powers.advances and powers.can_pause) or not may_be_paused(state, state.targets[target.name]):
                continue
            ended = await self._send(
                decision,
                target,
                Setting(None),
                action="resume",
                lapsed=lambda: overtaken_reason(self._store.state, decision.id),
            )
            if ended.outcome is not Outcome.ACCEPTED:
                lines.append(f"resuming {target.name}: {ended.outcome}: {ended.reason}")
        return Answer(Result.ACCEPTED, "; ".join(["resumed", *lines]))

    async def _send(
        self,
        decision: DecisionTaken,
        target: Target,
        setting: Setting,
        *,
        action: str = "set",
        guarded: bool = False,
        lapsed: Callable[[], str | None] = lambda: None,
    ) -> CallResult:
        """Send one request, then poll its source.

        Args:
            guarded: by the version on the card, and not sent unless it could be journalled.
            lapsed: returns why the bytes may not leave now, or None.

        Raises:
            JournalUnavailable: guarded, and the journal cannot be written; nothing was sent.
        """
        ended = await self._requests.send(
            self._backends.current,
            target,
            setting,
            decision=decision.id,
            trace=decision.trace,
            action=action,
            seen=decision.card.version_token(target.name) if guarded else None,
            strict=guarded,
            lapsed=lapsed,
        )
        self._pollers.poll_soon(target.backend)
        return ended


def _not_accepted(call: str, ended: CallResult, target: Target) -> Answer:
    line = f"{call} {ended.outcome}: {ended.reason}"
    if ended.outcome is Outcome.REFUSED:
        return Answer(Result.REFUSED, line)
    return Answer(Result.UNKNOWN, f"{line}; reading {target.backend} to find out")
