"""One coroutine per verb: gates again, decision recorded, calls made and settled. Keys and headless verbs end here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from adapters.contract import Clock, Outcome, Setting
from adapters.foreign import clean
from adapters.transport.trace import new_trace
from console.engine.answer import Answer, Result
from console.engine.backends import Backends
from console.engine.record import Record
from console.engine.requests import Requests
from console.engine.rollback import Runner
from console.events.evidence import Actor, Card, Verb
from console.events.kinds import DecisionTaken, Noted, RolloutClosed
from console.journal.contract import Broken, Raced
from console.state.assess import assess
from console.state.card import card_for, wanted
from console.state.gates import typed_word
from console.state.intent import Intent
from console.state.values import Mode, State

if TYPE_CHECKING:
    from console.plan.nouns import Plan


class Actions:
    """Carries out intents, one method per verb."""

    def __init__(
        self,
        record: Record,
        requests: Requests,
        runner: Runner,
        clock: Clock,
        actor: Actor,
        *,
        backends: Callable[[], Backends],
        hurry: Callable[[str | None], None],
        edited_plan: Callable[[], Plan | None],
    ) -> None:
        self._record = record
        self._requests = requests
        self._runner = runner
        self._clock = clock
        self._actor = actor
        self._backends = backends
        self._hurry = hurry
        self._edited_plan = edited_plan
        self._promote: asyncio.Task[Answer] | None = None
        self._fence: str | None = None
        """Why calls of a promote that have not left may not leave any more."""

    async def act(self, intent: Intent) -> Answer:
        """Carry out one intent. Never raises for what a backend, the journal or somebody else did."""
        if intent.verb is None:
            return await self._note(intent)
        state = assess(self._record.state, self._clock.now())
        card = card_for(state, intent.verb, intent.subject)
        if intent.verb is Verb.PROMOTE and (moved := _moved(state, intent)):
            return Answer(Result.MOVED, moved)
        if card.blocked is not None and not (intent.verb is Verb.ROLLBACK and state.rollback is not None):
            return Answer(Result.REFUSED, f"{intent.verb} refused: {card.blocked}")
        if card.override is not None and not intent.override:
            return Answer(Result.REFUSED, f"{intent.verb} refused: {card.override}; override with a reason")
        if card.override is not None and not intent.reason.strip():
            return Answer(Result.REFUSED, f"{intent.verb} refused: an override needs a reason")
        word = typed_word(state, intent.verb)
        if word is not None and intent.typed.strip() != word:
            return Answer(Result.REFUSED, f"{intent.verb} refused: it has to be confirmed by typing {word!r}")
        decision = self._decision(intent, state, card)
        match intent.verb:
            case Verb.PROMOTE:
                self._promote = asyncio.current_task()
                return await self._promoted(decision, wanted(state, Verb.PROMOTE))
            case Verb.HALT:
                return await self._halted(decision)
            case Verb.ROLLBACK:
                return await self._rolled_back(decision)
            case Verb.RESUME | Verb.PLACE | Verb.ACCEPT | Verb.CONFIRM | Verb.CLOSE:
                return await self._plain(decision, state)

    def _decision(self, intent: Intent, state: State, card: Card) -> DecisionTaken:
        verb = card.verb
        plan = self._edited_plan() if verb is Verb.ACCEPT and intent.subject == "plan" else None
        return DecisionTaken(
            at=self._clock.now(),
            who=self._actor,
            verb=verb,
            stage=state.reached,
            move=state.move + 1 if verb is Verb.PROMOTE else None,
            reason=clean(intent.reason, 2000),
            override=card.override if intent.override else None,
            card=intent.card or card,
            subject=intent.subject,
            trace=new_trace(),
            plan_text=plan.text if plan is not None else None,
            plan_digest=plan.digest if plan is not None else None,
        )

    async def _note(self, intent: Intent) -> Answer:
        text = clean(intent.text or intent.reason, 2000)
        if not text:
            return Answer(Result.REFUSED, "note refused: it is empty")
        try:
            await self._record.strict(Noted(at=self._clock.now(), who=self._actor, text=text))
        except Broken as error:
            return Answer(Result.REFUSED, f"note not written: {error}")
        return Answer(Result.ACCEPTED, "noted")

    async def _promoted(self, decision: DecisionTaken, becomes: dict[str, Setting]) -> Answer:
        state, backends = self._record.state, self._backends()
        targets = state.plan.targets
        self._fence = None
        try:
            await self._record.strict(decision)
        except Raced:
            return Answer(
                Result.MOVED, _moved(self._record.state, None) or "promote refused: somebody else moved first"
            )
        except Broken as error:
            return Answer(Result.REFUSED, f"promote refused: {error}")
        for name, setting in becomes.items():
            if (fence := self._fenced()) is not None:
                return Answer(Result.REFUSED, f"promote stopped before {name}: {fence}")
            try:
                outcome = await self._requests.send(
                    backends,
                    targets[name],
                    setting,
                    decision=decision.id,
                    trace=decision.trace,
                    strict=True,
                    lapsed=self._fenced,
                )
            except Broken as error:
                return Answer(Result.REFUSED, f"promote stopped before {name}: {error}")
            self._hurry(targets[name].backend)
            if outcome is not Outcome.ACCEPTED:
                return self._trouble("promote", decision.id, outcome)
        return Answer(Result.ACCEPTED, f"promote to {decision.card.stage_to} accepted")

    def _fenced(self) -> str | None:
        return self._fence

    def _trouble(self, verb: str, decision: str, outcome: Outcome) -> Answer:
        requests = [entry for entry in self._record.state.requests.values() if entry.decision == decision]
        last = requests[-1]
        said = f"{verb}: {last.target} -> {last.setting} {outcome}: {last.reason}"
        if outcome is Outcome.REFUSED:
            return Answer(Result.REFUSED, said)
        return Answer(Result.UNKNOWN, f"{said}; reading {last.backend} to find out")

    async def _halted(self, decision: DecisionTaken) -> Answer:
        self._fence = "halted"
        await self._record.now(decision)
        lines = []
        backends = self._backends()
        for target in self._record.state.plan.targets.values():
            powers = backends.capabilities(target)
            if not powers.advances:
                continue
            if not powers.can_pause:
                lines.append(f"{target.name} advances by itself and cannot be paused")
                continue
            outcome = await self._requests.send(
                backends, target, Setting(None), decision=decision.id, trace=decision.trace, action="pause"
            )
            self._hurry(target.backend)
            if outcome is not Outcome.ACCEPTED:
                lines.append(f"pausing {target.name}: {outcome}")
        return Answer(Result.ACCEPTED, "; ".join(["halted", *lines]))

    async def _rolled_back(self, decision: DecisionTaken) -> Answer:
        """The fence first: what has not left is dropped, what is in flight is cut off and counts as unknown."""
        begun = self._record.state.rollback is not None
        self._fence = "overtaken by a rollback"
        await self._record.now(decision)
        promote = self._promote
        if promote is not None and not promote.done() and promote is not asyncio.current_task():
            promote.cancel()
            await asyncio.wait({promote})
        self._runner.start(decision)
        return Answer(Result.ACCEPTED, "rollback goes on" if begun else "rollback begun")

    async def _plain(self, decision: DecisionTaken, state: State) -> Answer:
        verb = decision.verb
        try:
            await self._record.strict(decision)
        except Broken as error:
            return Answer(Result.REFUSED, f"{verb} refused: {error}")
        if verb is Verb.RESUME:
            await self._resume_backends(decision)
        elif verb is Verb.CONFIRM:
            self._runner.go_on()
        elif verb is Verb.CLOSE:
            how = {Mode.COMPLETE: "complete", Mode.ROLLED_BACK: "rolled_back"}.get(state.mode, "decision")
            await self._record.now(
                RolloutClosed.model_validate({"at": self._clock.now(), "who": self._actor, "how": how})
            )
        return Answer(Result.ACCEPTED, f"{verb} recorded")

    async def _resume_backends(self, decision: DecisionTaken) -> None:
        backends = self._backends()
        for target in self._record.state.plan.targets.values():
            powers = backends.capabilities(target)
            if powers.advances and powers.can_pause:
                await self._requests.send(
                    backends, target, Setting(None), decision=decision.id, trace=decision.trace, action="resume"
                )
                self._hurry(target.backend)


def _moved(state: State, intent: Intent | None) -> str | None:
    """Who moved the rollout since the intent's author looked, and the difference; None if nobody did."""
    if intent is not None and intent.move in (None, state.move) and intent.stage in (None, state.reached):
        return None
    last = next((entry for entry in reversed(state.decisions) if entry.verb is Verb.PROMOTE), None)
    by = f" by {last.who.user}" if last is not None and last.who is not None else ""
    seen = "" if intent is None or intent.stage is None else f": you saw {intent.stage} stages reached"
    return f"promote refused: moved{by}{seen}, now {state.reached} reached, move {state.move}; look again"
