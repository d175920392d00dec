"""One coroutine per verb: gates again, decision recorded, calls made and settled. Keys and headless verbs end here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from adapters.contract import Clock, Outcome, Setting
from adapters.registry import ConnectError, UnknownAdapter
from adapters.sanitize import one_line
from adapters.transport.trace import new_trace
from console.engine.answer import Answer, Result
from console.engine.backends import Backends
from console.engine.inflight import ForwardMove, ForwardMoves, overtaken_reason
from console.engine.requests import Requests
from console.engine.rollback import Runner
from console.engine.store import StateStore
from console.events.evidence import PEN, PENNED, SAFER, Actor, Card, Verb
from console.events.kinds import NEWER, DecisionTaken, Noted, PenReleased, RolloutClosed
from console.journal.contract import Conflict, JournalUnavailable, NotPermitted, UnsignedApproval
from console.state import pen
from console.state.approvals import bond
from console.state.assessment import assess
from console.state.card import card_for, wanted
from console.state.difference import lost
from console.state.gates import reason_due, typed_word, unfit
from console.state.halt import nothing_to_halt
from console.state.intent import Intent
from console.state.orders import SAFE
from console.state.stepped_targets import held, stands_still
from console.state.values import Mode, State

if TYPE_CHECKING:
    from console.plan.nouns import Plan


class Actions:
    """Carries out intents, one method per verb."""

    def __init__(
        self,
        record: StateStore,
        requests: Requests,
        runner: Runner,
        clock: Clock,
        actor: Actor,
        *,
        backends: Callable[[], Backends],
        hurry: Callable[[str | None], None],
        edited_plan: Callable[[], Plan | None],
        connect: Callable[[Plan], Backends],
    ) -> None:
        self._record = record
        self._requests = requests
        self._runner = runner
        self._clock = clock
        self._actor = actor
        self._backends = backends
        self._hurry = hurry
        self._edited_plan = edited_plan
        self._connect = connect
        self._forwards = ForwardMoves()

    async def act(self, intent: Intent) -> Answer:
        """Carry out one intent. Never raises for what a backend, the journal or somebody else did."""
        if intent.verb is None:
            return await self._note(intent)
        if intent.verb in PENNED or intent.verb is Verb.TAKE:
            await self.let_go()
        state = assess(self._record.state, self._clock.now())
        if intent.verb is Verb.HALT and (idle := nothing_to_halt(state)) is not None:
            return await self._halts_nothing(intent, idle)
        card = card_for(state, intent.verb, intent.subject)
        if intent.verb in (Verb.PROMOTE, Verb.APPROVE) and _outdated(state, intent):
            return Answer(Result.MOVED, lost(state, intent.verb, intent))
        if (wrong := self._refusal(state, intent, card)) is not None:
            return Answer(Result.REFUSED, f"{intent.verb} refused: {wrong}")
        if intent.verb is Verb.APPROVE and (unvouched := await self._approve(state, intent)) is not None:
            return unvouched
        decision = self._decision(intent, state, card)
        if decision.plan_text is not None and (wrong := await self._unusable()) is not None:
            return Answer(Result.REFUSED, f"{intent.verb} refused: {wrong}")
        match intent.verb:
            case Verb.PROMOTE:
                forward = self._forwards.begin(decision.id)
                try:
                    return await self._promoted(decision, forward, wanted(state, Verb.PROMOTE), intent)
                finally:
                    self._forwards.end(forward)
            case Verb.HALT:
                return await self._halted(decision)
            case Verb.ROLLBACK:
                return await self._rolled_back(decision)
            case _:
                return await self._plain(decision, state, intent)

    async def let_go(self) -> None:
        """StateStore that a captain who is gone holds the pen no more, so that whoever acts now need not take it."""
        state = assess(self._record.state, self._clock.now())
        if not pen.gone(state) or state.pen.held_by(self._actor):
            return
        holder = state.pen.holder
        reason = f"{holder.user if holder else 'the captain'} was {pen.seen_words(state)}"
        try:
            await self._record.append(PenReleased(at=self._clock.now(), pen=state.pen.number, reason=reason))
        except JournalUnavailable:  # the gates say what that means for the verb
            return

    async def _approve(self, state: State, intent: Intent) -> Answer | None:
        """Have the journal vouch for an approval of what the card showed; the answer if it did not, None if it did."""
        bound = bond(state)
        if bound is None or intent.bound not in (None, bound):
            return Answer(Result.MOVED, lost(state, Verb.APPROVE, intent))
        given = UnsignedApproval(state.move + 1, bound, self._clock.now(), one_line(intent.reason, 500))
        try:
            await self._record.write(lambda journal: journal.approve(state.rollout, given))
        except (NotPermitted, JournalUnavailable) as error:
            said = str(error)
            return Answer(Result.REFUSED, said if said.startswith("approve") else f"approve refused: {said}")
        return None

    def _refusal(self, state: State, intent: Intent, card: Card) -> str | None:
        """Why an intent cannot be had, or None."""
        verb = card.verb
        if state.observing and verb not in SAFER:
            return "this console only observes"
        if card.block_reason is not None:
            return card.block_reason
        if reason_due(state, verb) and not one_line(intent.reason):
            return f"{card.override}: give a reason" if card.override is not None else "it needs a reason"
        if card.override is not None and not (intent.override or verb is Verb.TAKE):
            return f"{card.override}; override with a reason"
        if card.override is not None and not one_line(intent.reason):
            return "an override needs a reason"
        if (wrong := self._unfit(state, intent)) is not None:
            return wrong
        word = typed_word(state, verb, intent.subject)
        if word is not None and intent.typed.strip() != word:
            return f"it has to be confirmed by typing {word!r}"
        return None

    def _unfit(self, state: State, intent: Intent) -> str | None:
        """Why what the intent is about cannot be meant, or None."""
        if intent.verb is None:
            return None
        if (wrong := unfit(state, intent.verb, intent.subject)) is not None:
            return wrong
        if intent.verb is Verb.ACCEPT and (again := _moved_again(state, intent)) is not None:
            return again
        plan = intent.verb is Verb.ACCEPT and intent.subject == "plan"
        return state.edited if plan and self._edited_plan() is None else None

    async def _unusable(self) -> str | None:
        """Why this console could not go on under the edited plan, or None."""
        plan = self._edited_plan()
        try:
            trial = self._connect(plan) if plan is not None else None
        except (ConnectError, UnknownAdapter) as error:
            return f"the edited plan cannot be used here: {error}"
        if trial is not None:
            await trial.aclose()
        return None

    def _decision(self, intent: Intent, state: State, card: Card) -> DecisionTaken:
        verb = card.verb
        plan = self._edited_plan() if verb is Verb.ACCEPT and intent.subject == "plan" else None
        shown = intent.card or card
        unsaid = tuple(line for line in state.cautions if line not in shown.warnings)
        return DecisionTaken(
            v=2 if verb in NEWER else 1,
            at=self._clock.now(),
            who=self._actor,
            verb=verb,
            stage=state.reached,
            move=state.move + 1 if verb is Verb.PROMOTE else None,
            reason=one_line(intent.reason, 2000),
            override=card.override if intent.override or verb is Verb.TAKE else None,
            card=replace(shown, warnings=(*unsaid, *shown.warnings)) if unsaid else shown,
            subject=intent.subject,
            automatic=intent.automatic,
            trace=new_trace(),
            plan_text=plan.text if plan is not None else None,
            plan_digest=plan.digest if plan is not None else None,
            pen=state.pen.number if verb in PENNED or verb in PEN else None,
        )

    async def _note(self, intent: Intent) -> Answer:
        text = one_line(intent.text or intent.reason, 2000)
        if not text:
            return Answer(Result.REFUSED, "note refused: it is empty")
        try:
            await self._record.append(Noted(at=self._clock.now(), who=self._actor, text=text))
        except JournalUnavailable as error:
            return Answer(Result.REFUSED, f"note not written: {error}")
        return Answer(Result.ACCEPTED, "noted")

    async def _promoted(
        self, decision: DecisionTaken, forward: ForwardMove, becomes: dict[str, Setting], intent: Intent
    ) -> Answer:
        backends, targets = self._backends(), self._record.state.plan.targets

        def lapsed() -> str | None:
            return forward.lapsed(self._record.state)

        try:
            await self._record.append(decision)
        except Conflict:
            return self._lost(intent)
        except JournalUnavailable as error:
            return Answer(Result.REFUSED, f"promote refused: {error}")
        if (overtaken := self._void(decision, intent)) is not None:
            return overtaken
        for name, setting in becomes.items():
            if (fence := lapsed()) is not None:
                return Answer(Result.REFUSED, f"promote stopped before {name}: {fence}")
            try:
                ended = await self._requests.send(
                    backends,
                    targets[name],
                    setting,
                    decision=decision.id,
                    trace=decision.trace,
                    seen=decision.card.version_token(name),
                    strict=True,
                    lapsed=lapsed,
                )
            except JournalUnavailable as error:
                return Answer(Result.REFUSED, f"promote stopped before {name}: {error}")
            self._hurry(targets[name].backend)
            if ended.outcome is not Outcome.ACCEPTED:
                said = f"promote: {name} -> {setting} {ended.outcome}: {ended.reason}"
                if ended.outcome is Outcome.REFUSED:
                    return Answer(Result.REFUSED, said)
                return Answer(Result.UNKNOWN, f"{said}; reading {targets[name].backend} to find out")
        return Answer(Result.ACCEPTED, f"promote to {decision.card.stage_to} accepted")

    async def _halted(self, decision: DecisionTaken) -> Answer:
        self._forwards.fence(Verb.HALT)
        await self._record.append_soon(decision)
        lines = []
        backends = self._backends()
        for target in self._record.state.plan.targets.values():
            powers = backends.capabilities(target)
            if not powers.advances or stands_still(self._record.state, self._record.state.targets[target.name]):
                continue
            if not powers.can_pause:
                lines.append(f"{target.name} advances by itself and cannot be paused")
                continue
            ended = await self._requests.send(
                backends, target, Setting(None), decision=decision.id, trace=decision.trace, action="pause"
            )
            self._hurry(target.backend)
            if ended.outcome is not Outcome.ACCEPTED:
                lines.append(f"pausing {target.name}: {ended.outcome}: {ended.reason}")
        return Answer(Result.ACCEPTED, "; ".join(["halted", *lines]))

    async def _halts_nothing(self, intent: Intent, idle: str) -> Answer:
        """A halt that finds nothing to stop is no failure, and the reason that came with it is kept."""
        if reason := one_line(intent.reason, 2000):
            await self._record.append_soon(Noted(at=self._clock.now(), who=self._actor, text=f"halt: {idle}; {reason}"))
        return Answer(Result.ACCEPTED, idle)

    async def _rolled_back(self, decision: DecisionTaken) -> Answer:
        """The fence first: what has not left is dropped, what is in flight is cut off and counts as unknown."""
        begun = self._record.state.rollback is not None
        self._forwards.fence(Verb.ROLLBACK)
        await self._record.append_soon(decision)
        await self.cut_off()
        self._runner.start(decision)
        return Answer(Result.ACCEPTED, "rollback goes on" if begun else "rollback begun")

    async def cut_off(self) -> None:
        """Cut off calls of this console that a rollback, here or in another console, has overtaken."""
        await self._forwards.cut_off(self._record.state)

    def _lost(self, intent: Intent, decision: str | None = None) -> Answer:
        """What whoever lost a race is told."""
        state = assess(self._record.state, self._clock.now())
        return Answer(Result.MOVED, lost(state, intent.verb or Verb.PROMOTE, intent, decision))

    def _void(self, decision: DecisionTaken, intent: Intent) -> Answer | None:
        """The answer to a decision that counts for nothing, for what was recorded before it; None: it counts."""
        void = any(entry.void for entry in self._record.state.decisions if entry.id == decision.id)
        return self._lost(intent, decision.id) if void else None

    async def _plain(self, decision: DecisionTaken, state: State, intent: Intent) -> Answer:
        verb = decision.verb
        if (
            verb in (Verb.CONFIRM, Verb.SKIP) and self._runner.begun
        ):  # the rollback of this console waits for no journal
            await self._record.append_soon(decision)
            self._runner.go_on()
            return Answer(Result.ACCEPTED, f"{verb} recorded")
        try:
            await self._record.append(decision)
        except JournalUnavailable as error:
            return Answer(Result.REFUSED, f"{verb} refused: {error}")
        if (overtaken := self._void(decision, intent)) is not None:
            return overtaken
        if verb is Verb.RESUME:
            return await self._resumed(decision)
        if verb is Verb.ORDER:
            return await self._ordered(decision)
        if verb is Verb.CLOSE:
            how = {Mode.COMPLETE: "complete", Mode.ROLLED_BACK: "rolled_back"}.get(state.mode, "decision")
            await self._record.append_soon(
                RolloutClosed.model_validate({"at": self._clock.now(), "who": self._actor, "how": how})
            )
        return Answer(Result.ACCEPTED, _said(verb, intent, state))

    async def _ordered(self, decision: DecisionTaken) -> Answer:
        """One of a backend's own verbs, guarded by what the card showed."""
        name, _, order = (decision.subject or "").partition(" ")
        target = self._record.state.plan.targets[name]
        try:
            ended = await self._requests.send(
                self._backends(),
                target,
                Setting(None),
                decision=decision.id,
                trace=decision.trace,
                action=order,
                seen=decision.card.version_token(name),
                strict=True,
                lapsed=lambda: None if order in SAFE else overtaken_reason(self._record.state, decision.id),
            )
        except JournalUnavailable as error:
            return Answer(Result.REFUSED, f"order refused: {error}")
        self._hurry(target.backend)
        if ended.outcome is Outcome.ACCEPTED:
            return Answer(Result.ACCEPTED, f"{decision.subject}: accepted")
        said = f"order: {decision.subject} {ended.outcome}: {ended.reason}"
        if ended.outcome is Outcome.REFUSED:
            return Answer(Result.REFUSED, said)
        return Answer(Result.UNKNOWN, f"{said}; reading {target.backend} to find out")

    async def _resumed(self, decision: DecisionTaken) -> Answer:
        backends = self._backends()
        lines = []
        for target in self._record.state.plan.targets.values():
            powers, state = backends.capabilities(target), self._record.state
            if not (powers.advances and powers.can_pause) or not held(state, state.targets[target.name]):
                continue
            ended = await self._requests.send(
                backends,
                target,
                Setting(None),
                decision=decision.id,
                trace=decision.trace,
                action="resume",
                lapsed=lambda: overtaken_reason(self._record.state, decision.id),
            )
            self._hurry(target.backend)
            if ended.outcome is not Outcome.ACCEPTED:
                lines.append(f"resuming {target.name}: {ended.outcome}: {ended.reason}")
        return Answer(Result.ACCEPTED, "; ".join(["resumed", *lines]))


def _moved_again(state: State, intent: Intent) -> str | None:
    """Why a drift that was seen is not the one that stands: only what was on the card is accepted."""
    if intent.card is None:
        return None
    seen, reads = (
        next((entry.reads for entry in card.targets if entry.target == intent.subject), None)
        for card in (intent.card, card_for(state, Verb.ACCEPT))
    )
    return None if seen == reads else f"{intent.subject} moved again: you saw {seen}, it reads {reads}"


def _outdated(state: State, intent: Intent) -> bool:
    """Whether somebody has moved the rollout since the intent's author looked."""
    if intent.move not in (None, state.move) or intent.stage not in (None, state.reached):
        return True
    return any(_stepped_on(state, name, intent.card) for name in wanted(state, Verb.PROMOTE))


def _stepped_on(state: State, name: str, card: Card | None) -> bool:
    """Whether a target whose backend owns its steps stands elsewhere than on the card that was looked at."""
    reading = state.targets[name].reading
    if card is None or reading is None or reading.steps is None:
        return False
    return card.version_token(name) != reading.revision


def _said(verb: Verb, intent: Intent, state: State) -> str:
    """What a decision that calls nothing has done, in words."""
    if verb is Verb.APPROVE and state.next is not None:
        return f"approved: {state.next.stage.name}, as it stands now"
    if verb is Verb.TAKE:
        return "you hold the pen"
    if verb is Verb.OFFER:
        return f"the pen is offered to {intent.subject}; it is yours until it is taken"
    if verb is Verb.HANDOFF:
        return "the pen is free; your note is shown to whoever comes next"
    return f"{verb} recorded"
