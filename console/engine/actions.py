"""Carry out intents, one way for each verb.

Check the gates again, record the decision, call, settle.

Keys, headless verbs and `on_fail` all end here.
"""

from __future__ import annotations

from dataclasses import replace

from adapters.contract import Clock, Setting
from adapters.sanitize import one_line
from adapters.transport.trace import new_trace
from console.engine.answer import Answer, Result
from console.engine.backend_set import BackendSet
from console.engine.inflight import ForwardMoves
from console.engine.intent_checks import is_outdated, refusal
from console.engine.plan_file_watch import PlanFileWatch
from console.engine.rollback import RollbackRunner
from console.engine.rollout_marks import RolloutMarks
from console.engine.store import StateStore
from console.engine.target_calls import TargetCalls
from console.events.evidence import Actor, Card, Verb
from console.events.kinds import DecisionTaken, Noted, PenReleased, RolloutClosed
from console.events.verbs import PEN, PENNED, VERBS
from console.journal.contract import Conflict, JournalUnavailable, NotPermitted, UnsignedApproval
from console.state import pen
from console.state.approvals import approval_digest
from console.state.assessment import assess
from console.state.before import parse_before
from console.state.card import card_for, wanted_settings
from console.state.difference import lost_race_line
from console.state.halt import why_nothing_to_halt
from console.state.intent import Intent
from console.state.values import Mode, State


class Actions:
    """Carry out the intents of one console."""

    def __init__(
        self,
        store: StateStore,
        calls: TargetCalls,
        runner: RollbackRunner,
        clock: Clock,
        actor: Actor,
        *,
        backends: BackendSet,
        plan_file: PlanFileWatch,
        marks: RolloutMarks,
    ) -> None:
        self._store = store
        self._calls = calls
        self._runner = runner
        self._clock = clock
        self._actor = actor
        self._backends = backends
        self._plan_file = plan_file
        self._marks = marks
        self._forwards = ForwardMoves()

    async def act(self, intent: Intent) -> Answer:
        """Carry out one intent; never raises for backends, journal, other consoles."""
        verb = intent.verb
        if verb is None:
            return await self._note(intent)
        if verb in PENNED or verb is Verb.TAKE:
            await self.release_pen()
        state = assess(self._store.state, self._clock.now())
        if verb is Verb.HALT and (idle := why_nothing_to_halt(state)) is not None:
            return await self._note_idle_halt(intent, idle)
        card = card_for(state, verb, intent.subject)
        if verb in (Verb.PROMOTE, Verb.APPROVE) and is_outdated(state, intent):
            return Answer(Result.MOVED, lost_race_line(state, verb, intent))
        wrong = refusal(state, intent, card, has_valid_edit=self._plan_file.edited_plan is not None)
        if wrong is not None:
            return Answer(Result.REFUSED, f"{verb} refused: {wrong}")
        if verb is Verb.APPROVE and (unvouched := await self._approve(state, intent)) is not None:
            return unvouched
        decision = self._decision(intent, state, card)
        if decision.plan_text is not None and (wrong := await self._edit_problem()) is not None:
            return Answer(Result.REFUSED, f"{verb} refused: {wrong}")
        return await self._carry_out(decision, state, intent)

    async def _carry_out(self, decision: DecisionTaken, state: State, intent: Intent) -> Answer:
        """A verb without a case here does not type-check."""
        match decision.verb:
            case Verb.PROMOTE:
                return await self._promote(decision, wanted_settings(state, Verb.PROMOTE), intent)
            case Verb.HALT:
                return await self._halt(decision)
            case Verb.ROLLBACK:
                return await self._roll_back(decision)
            case Verb.CONFIRM | Verb.SKIP if self._runner.has_begun or _releases(state, decision):
                return await self._settle_step(decision)
            case Verb.RESUME:
                return await self._record(decision, intent) or await self._calls.resume(decision)
            case Verb.ORDER:
                return await self._record(decision, intent) or await self._calls.order(decision)
            case Verb.CLOSE:
                return await self._record(decision, intent) or await self._close(state)
            case (
                Verb.CONFIRM
                | Verb.SKIP
                | Verb.PLACE
                | Verb.ACCEPT
                | Verb.APPROVE
                | Verb.TAKE
                | Verb.OFFER
                | Verb.HANDOFF
            ):
                moves = state.local.moves if decision.plan_text is not None else ()
                done = Answer(Result.ACCEPTED, _done_line(decision.verb, intent, state), moves)
                return await self._record(decision, intent) or done

    async def release_pen(self) -> None:
        """Release the pen of a captain who is gone."""
        state = assess(self._store.state, self._clock.now())
        if not pen.is_gone(state) or state.pen.held_by(self._actor):
            return
        holder = state.pen.holder
        reason = f"{holder.name if holder else 'the captain'} was {pen.seen_text(state)}"
        try:
            await self._store.append(PenReleased(at=self._clock.now(), pen=state.pen.number, reason=reason))
        except JournalUnavailable:  # the gates say what that means for the verb
            return

    async def cancel_overtaken(self) -> None:
        """Cancel calls of this console that a rollback has overtaken, anywhere."""
        await self._forwards.cancel_overtaken(self._store.state)

    async def _approve(self, state: State, intent: Intent) -> Answer | None:
        """Have the journal vouch for an approval of the card; the answer if it did not, None if it did."""
        bound = approval_digest(state)
        if bound is None or intent.bound not in (None, bound):
            return Answer(Result.MOVED, lost_race_line(state, Verb.APPROVE, intent))
        given = UnsignedApproval(state.move + 1, bound, self._clock.now(), one_line(intent.reason, 500))
        try:
            await self._store.write(lambda journal: journal.approve(state.rollout, given))
        except (NotPermitted, JournalUnavailable) as error:
            line = str(error)
            return Answer(Result.REFUSED, line if line.startswith("approve") else f"approve refused: {line}")
        return None

    async def _edit_problem(self) -> str | None:
        """Why this console could not use the edited plan, or None."""
        plan = self._plan_file.edited_plan
        problem = await self._backends.connect_problem(plan) if plan is not None else None
        return f"the edited plan cannot be used here: {problem}" if problem is not None else None

    def _decision(self, intent: Intent, state: State, card: Card) -> DecisionTaken:
        verb = card.verb
        plan = self._plan_file.edited_plan if verb is Verb.ACCEPT and intent.subject == "plan" else None
        shown = intent.card or card
        before = parse_before(state, intent.before) if verb is Verb.PLACE else {}
        unsaid = tuple(line for line in state.local.cautions if line not in shown.warnings)
        return DecisionTaken(
            v=VERBS[verb].shape,
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
            before={} if isinstance(before, str) else before,
            pen=state.pen.number if verb in PENNED or verb in PEN else None,
        )

    async def _record(self, decision: DecisionTaken, intent: Intent) -> Answer | None:
        """Journal a decision before anything is done; the answer if it does not count, None if it does."""
        try:
            await self._store.append(decision)
        except Conflict:
            return self._lost_answer(intent)
        except JournalUnavailable as error:
            return Answer(Result.REFUSED, f"{decision.verb} refused: {error}")
        void = any(entry.void for entry in self._store.state.decisions if entry.id == decision.id)
        return self._lost_answer(intent, decision.id) if void else None

    def _lost_answer(self, intent: Intent, decision: str | None = None) -> Answer:
        state = assess(self._store.state, self._clock.now())
        return Answer(Result.MOVED, lost_race_line(state, intent.verb or Verb.PROMOTE, intent, decision))

    async def _note(self, intent: Intent) -> Answer:
        text = one_line(intent.text or intent.reason, 2000)
        if not text:
            return Answer(Result.REFUSED, "note refused: it is empty")
        try:
            await self._store.append(Noted(at=self._clock.now(), who=self._actor, text=text))
        except JournalUnavailable as error:
            return Answer(Result.REFUSED, f"note not written: {error}")
        return Answer(Result.ACCEPTED, "noted")

    async def _promote(self, decision: DecisionTaken, settings: dict[str, Setting], intent: Intent) -> Answer:
        forward = self._forwards.begin(decision.id)
        try:
            return await self._record(decision, intent) or await self._calls.promote(decision, forward, settings)
        finally:
            self._forwards.end(forward)

    async def _halt(self, decision: DecisionTaken) -> Answer:
        self._forwards.fence(Verb.HALT)
        await self._store.append_soon(decision)
        return await self._calls.pause(decision)

    async def _note_idle_halt(self, intent: Intent, idle: str) -> Answer:
        """Accept a halt that finds nothing to stop, and keep its reason as a note."""
        if reason := one_line(intent.reason, 2000):
            await self._store.append_soon(Noted(at=self._clock.now(), who=self._actor, text=f"halt: {idle}; {reason}"))
        return Answer(Result.ACCEPTED, idle)

    async def _roll_back(self, decision: DecisionTaken) -> Answer:
        """Fence first: unsent calls are dropped, calls in flight are cancelled and count as unknown."""
        is_continued = self._store.state.rollback is not None
        self._forwards.fence(Verb.ROLLBACK)
        self._marks.fence()
        await self._store.append_soon(decision)
        await self.cancel_overtaken()
        self._runner.start(decision.id, decision.trace)
        return Answer(Result.ACCEPTED, "rollback goes on" if is_continued else "rollback begun")

    async def _settle_step(self, decision: DecisionTaken) -> Answer:
        """Confirm or skip a step of this console's own rollback, or release one; neither waits for the journal."""
        await self._store.append_soon(decision)
        if self._runner.has_begun:
            self._runner.proceed()
        elif (rollback := self._store.state.rollback) is not None:
            self._runner.start(rollback, decision.trace)
        return Answer(Result.ACCEPTED, f"{decision.verb} recorded")

    async def _close(self, state: State) -> Answer:
        how = {Mode.COMPLETE: "complete", Mode.ROLLED_BACK: "rolled_back"}.get(state.mode, "decision")
        await self._store.append_soon(
            RolloutClosed.model_validate({"at": self._clock.now(), "who": self._actor, "how": how})
        )
        self._marks.remove_soon()
        return Answer(Result.ACCEPTED, f"{Verb.CLOSE} recorded")


def _releases(state: State, decision: DecisionTaken) -> bool:
    """Whether a confirmation sends a rollback step that waits because it would raise exposure."""
    held = [entry.step.id for entry in state.checklist if entry.is_held]
    return decision.verb is Verb.CONFIRM and decision.subject in held


def _done_line(verb: Verb, intent: Intent, state: State) -> str:
    """The effect of a decision that calls no backend, in words."""
    if verb is Verb.APPROVE and state.next is not None:
        return f"approved: {state.next.stage.name}, as it stands now"
    if verb is Verb.TAKE:
        return "you hold the pen"
    if verb is Verb.OFFER:
        return f"the pen is offered to {intent.subject}; it is yours until it is taken"
    if verb is Verb.HANDOFF:
        return "the pen is free; your note is shown to the next operator"
    return f"{verb} recorded"
