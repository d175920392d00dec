"""The engine: one rollout, opened or joined, polled, judged, acted upon, until it is told to stop.

A screen runs it in a thread of its own (`thread`), a headless verb awaits it. It publishes frozen States through
`on_state`, which must not block.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from adapters.contract import Clock
from adapters.priority import urgent
from adapters.registry import ConnectError, UnknownAdapter
from console.engine.actions import Actions
from console.engine.answer import Answer, Result
from console.engine.backends import Backends
from console.engine.debounce import ChangeDebouncer
from console.engine.gate_webhooks import GateResponder
from console.engine.identity import actor, groups_of
from console.engine.joining import Joining
from console.engine.membership import Membership
from console.engine.plan_file import PlanFile
from console.engine.pollers import Pollers
from console.engine.previews import previews_for
from console.engine.requests import Requests
from console.engine.rollback import Runner
from console.engine.spooler import SpoolWriter
from console.engine.store import StateStore
from console.engine.writer import Writer
from console.events.evidence import Actor
from console.events.kinds import Escalated, GateLapsed, Noted, VerdictChanged
from console.journal.contract import Journal, JournalUnavailable
from console.journal.spool import Spool
from console.judge.verdict import VerdictState
from console.logs.context import bind_rollout, report_internal_error
from console.plan.nouns import Plan
from console.state import escalation, gate_answers, pen
from console.state.assessment import assess
from console.state.intent import Intent
from console.state.on_fail import due_intent
from console.state.values import State

_log = logging.getLogger("warroom.engine")

RESTART_S = 1.0
"""How long a task that died is left alone before it is started again."""
BEAT_S = 0.25
"""How often the newest State is published, and a journal that could not be written is tried again."""
TAIL_S = 2.0
"""How long what other consoles record is waited for before it is looked for all the same."""


class Engine:
    """Polls, records and acts for one rollout of one plan."""

    def __init__(
        self,
        plan: Plan,
        journal: Journal,
        clock: Clock,
        state_dir: Path,
        version: str,
        on_state: Callable[[State], None],
        *,
        who: Actor | None = None,
        observing: bool = False,
        gate_token: str | None = None,
        spool: Spool | None = None,
    ) -> None:
        """`gate_token`: what a backend that asks at our gates has to show; None: nothing. `spool`: where what the
        journal cannot take is kept; None: in memory alone.
        """
        self.plan = plan
        self._journal = journal
        self._clock = clock
        self._state_dir = state_dir
        self._version = version
        self._on_state = on_state
        self._actor = who or actor()
        self._observing = observing
        self._gate_token = gate_token
        self._keeper = SpoolWriter(spool)
        self._tasks: set[asyncio.Task[None]] = set()
        self._intents: set[asyncio.Task[Answer]] = set()
        self._changed = True
        self._acted_on_fail: datetime | None = None
        """Since when the stage is stood on in which `on_fail` was already acted upon here."""
        self._nudges = ChangeDebouncer(self._hurry)
        self._ready = False
        """The pollers are there."""
        self.began = False
        """No run was open: this console began one."""

    async def open(self, hurry_s: float | None = None) -> None:
        """Connect the backends and open or join the rollout. Sends nothing.

        Args:
            hurry_s: how long the journal may take to say which rollout is open; None: as long as it allows itself.

        Raises:
            ConnectError, UnknownAdapter: a backend's options cannot be used.
            JournalUnavailable: the journal cannot be read. One that cannot be written opens UNJOURNALED.
        """
        self._backends = self._connect(self.plan)
        writer = Writer()
        joining = Joining(self._journal, writer, hurry_s)
        if not self._observing or self._gate_token is not None:  # who only looks has nothing to put aside
            self._keeper.begin()
        try:
            await joining.adopt(self.plan.rollout, self._adopt)
            joined = await joining.into(self.plan, self._backends, self._clock, self._actor, self._version)
        except JournalUnavailable:
            writer.shutdown(wait=False)
            await self._keeper.close()
            await self._backends.aclose()
            raise
        rollout, self.began = joined.resumed.rollout, joined.began
        bind_rollout(rollout.rollout)
        if rollout.plan.digest != self.plan.digest:
            await self._backends.aclose()
            self._backends = self._connect(rollout.plan)
        self._actor = self._identified()
        self.store = StateStore(
            self._journal,
            rollout,
            self._on_change,
            joined.held,
            writer,
            self._keeper,
            last_sample=joined.resumed.last_sample,
            broken=joined.broken,
        )
        self.store.set_local(
            operator=self._actor,
            groups=groups_of(self._actor.user),
            observing=self._observing,
            cautions=self._cautions(self._backends),
        )
        await self.store.keep_held()
        self.membership = Membership(self.store, self._clock, self._actor, observing=self._observing)
        self._pollers = Pollers(self.store, self._backends, self._clock, self.membership.is_poller)
        self.membership.on_poller = lambda: self._pollers.hurry()
        self._requests = Requests(self.store, self._clock, self._actor)
        self.runner = Runner(
            self.store,
            self._requests,
            self._clock,
            backends=lambda: self._backends,
            hurry=lambda source: self._pollers.hurry(source),
            look=lambda target, within_s: self._pollers.look(target, within_s),
        )
        self._actions = Actions(
            self.store,
            self._requests,
            self.runner,
            self._clock,
            self._actor,
            backends=lambda: self._backends,
            hurry=lambda source: self._pollers.hurry(source),
            edited_plan=lambda: self._plan_file.edited,
            connect=self._connect,
        )
        self._plan_file = PlanFile(self.store, self.plan)
        self.gate_responder = GateResponder(
            self.store,
            self._clock,
            self._actor,
            backends=lambda: self._backends,
            pollers=lambda: self._pollers,
            token=self._gate_token,
        )
        await self._tell_left()
        _log.info(
            "%s %s",
            "opened" if self.began else "joined",
            self.store.state.rollout,
            extra={"mode": self.store.state.mode.value},
        )
        self._ready = True

    def _identified(self) -> Actor:
        """The operator, by the name that the journal's database knows, if it has logins of its own."""
        identity = self._journal.identity(self._actor)
        return replace(self._actor, login=identity.removeprefix("login:") if identity.startswith("login:") else None)

    def _cautions(self, backends: Backends) -> tuple[str, ...]:
        """Warnings about the connections to backends and journal, for every decision."""
        return (*backends.cautions, *self._journal.cautions)

    def _connect(self, plan: Plan) -> Backends:
        return Backends(plan, self._clock, self._state_dir, self._nudges)

    def _hurry(self, source: str) -> None:
        if self._ready:
            self._pollers.hurry(source)

    def _on_change(self) -> None:
        self._changed = True

    def start(self) -> None:
        """Begin polling and publishing; returns at once."""
        self._keep("crew", self.membership.run)
        self._keep("pollers", lambda: self._pollers.run())
        self._keep("tail", self._tail)
        self._keep("beat", self._beat)

    def _keep(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        task = asyncio.create_task(self._supervised(name, work), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _supervised(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run `work` for ever: what it dies of is shown as the console's own fault, and it is started again."""
        while True:
            try:
                await work()
            except Exception as error:  # the last net: a task that dies silently would leave a calm, dead screen
                causes = error.exceptions if isinstance(error, ExceptionGroup) else (error,)
                self.store.set_local(fault=f"{name}: {report_internal_error(_log, causes[0])}; restarted")
                await asyncio.sleep(RESTART_S)

    async def answered(self) -> None:
        """Returns once every source has been asked once, here or, of late, by the console that polls."""
        await self.membership.wait_known()
        polled = asyncio.ensure_future(self._pollers.answered())
        while (
            self.membership.is_poller() and not polled.done()
        ):  # the turn may be lost meanwhile, and then nobody here polls
            await asyncio.wait({polled}, timeout=BEAT_S)
        if not polled.cancel():
            return
        await self._pollers.glance()

    def state(self) -> State:
        """The newest State, assessed now."""
        assessed = assess(self.store.state, self._clock.now())
        self.store.set_local(previews=previews_for(assessed, self._backends))
        return replace(assessed, local=self.store.state.local)

    async def act(self, intent: Intent) -> Answer:
        """Carry out one intent; runs beside others (a rollback overtakes a promote)."""
        task = asyncio.create_task(self._actions.act(intent), name=f"act {intent.verb}")
        self._intents.add(task)
        task.add_done_callback(self._intents.discard)
        with urgent():
            await asyncio.wait({task})
        if task.cancelled():
            return Answer(Result.UNKNOWN, f"{intent.verb} was cut off; a read will tell what it did")
        if (error := task.exception()) is not None:  # a fault of ours must reach whoever asked, not die with its task
            words = report_internal_error(_log, error)
            self.store.set_local(fault=f"{intent.verb or 'note'}: {words}")
            return Answer(Result.UNKNOWN, f"{intent.verb or 'note'}: {words}; look before doing anything")
        await self._rewire()
        return task.result()

    @property
    def kept_in(self) -> str | None:
        """The file in which all that could not be written waits for the next console; None if some of it does not."""
        return self._keeper.path if self.store.kept else None

    def busy(self) -> str | None:
        """What this console has in flight, or None."""
        flying = [request.asks for request in self._requests.in_flight]
        if self.store.state.local.running:
            flying.append("the rollback's automatic steps")
        return ", ".join(flying) or None

    async def finish_rollback(self) -> None:
        """Wait for the automatic rollback steps under way, bounded by their deadlines."""
        steps = sum(not entry.is_over for entry in self.store.state.checklist)
        timing = self.store.state.plan.timing
        bound_s = steps * (timing.write_deadline_s + 2 * self.store.state.plan.hold_s) + 10.0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(bound_s):
                await self.runner.idle.wait()

    async def settled(self) -> None:
        """Wait until no intent of this console is being carried out any more."""
        while self._intents:
            await asyncio.wait(set(self._intents))

    async def close(self) -> None:
        """Stop: cut off what is in flight (settled as unknown), write what is held, close the backends."""
        await self.gate_responder.close()
        await self.runner.stop()
        for task in (*self._intents, *self._tasks):
            task.cancel()
        if pending := {*self._intents, *self._tasks}:
            await asyncio.wait(pending)
        await self._backends.aclose()
        await self.store.drain()
        await self.membership.leave()
        await self._keeper.close()
        self.store.end()
        _log.info("left %s", self.store.state.rollout)

    def _adopt(self) -> int:
        """In the journal's thread: what consoles that are gone could not write."""
        return self._keeper.adopt(self._journal, self._clock.now(), self._actor)

    async def _tell_left(self) -> None:
        """Note here what no other rollout could be told: what was found waiting and is not for this journal."""
        for text in self._keeper.pending_notices():
            await self.store.append_soon(Noted(at=self._clock.now(), who=self._actor, text=text))

    async def _tail(self) -> None:
        """Follow the journal. A task of its own, so that one that is locked or hangs keeps nothing from the screen."""
        watch = self._journal.watch()
        watcher = ThreadPoolExecutor(max_workers=1, thread_name_prefix="watch")

        async def wait(seconds: float) -> bool:
            return await asyncio.get_running_loop().run_in_executor(watcher, watch.wait, seconds)

        try:
            while True:
                await self.store.catch_up()
                await self.store.retry()
                if self._keeper.is_available and self.store.state.local.journal.broken is None:
                    await self.store.write(lambda _journal: self._adopt())
                    await self._tell_left()
                await self.membership.refresh()
                await wait(BEAT_S if self.store.state.local.journal.broken is not None else TAIL_S)
        finally:
            watch.close()
            await asyncio.shield(asyncio.ensure_future(wait(0.0)))
            watcher.shutdown(wait=False)

    async def _beat(self) -> None:
        beats = 0
        while True:
            await self._actions.cut_off()
            await self._rewire()
            await self._requests.reconcile()
            if beats % 4 == 0:
                self._plan_file.look()
            if self._changed or beats % 4 == 0:
                state = self.state()
                self._changed = False
                if self.membership.is_poller():
                    await self._say(state)
                    self._act_on_fail(state)
                self._on_state(state)
            beats += 1
            await asyncio.sleep(BEAT_S)

    def _act_on_fail(self, state: State) -> None:
        """Carry out what the plan wants done by itself, beside everything else; once, however long it takes."""
        intent = due_intent(state)
        if intent is None or self._acted_on_fail == state.stage_since:
            return
        self._acted_on_fail = state.stage_since
        task = asyncio.create_task(self._on_fail(intent), name="on_fail")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _on_fail(self, intent: Intent) -> None:
        answer = await self.act(intent)
        if answer.result is not Result.ACCEPTED:
            self.store.set_local(fault=f"on_fail {intent.verb}: {answer.line}")

    async def _say(self, assessed: State) -> None:
        """Record what the console that polls notices: verdicts, a captain who is gone, what nobody asked for, rungs."""
        await self._say_verdicts(assessed)
        if pen.is_gone(assessed):
            await self._actions.let_go()
        for request, reason in gate_answers.overdue_promotes(assessed, self._clock.now()):
            await self.store.append_observation(GateLapsed(at=self._clock.now(), request=request, reason=reason))
        for number, rung, wrong in escalation.due_rungs(assessed):
            await self.store.append_observation(
                Escalated(at=self._clock.now(), rung=number, call=rung.call, trouble=wrong.what, since=wrong.since)
            )

    async def _say_verdicts(self, assessed: State) -> None:
        """Record a verdict that took another state, once; a stage's first word is worth recording if it is definite."""
        for name, entry in assessed.metrics.items():
            verdict = entry.verdict
            if verdict is None or verdict.idle or entry.read_at is None or entry.said == verdict.state.value:
                continue
            if entry.said is None and verdict.state is VerdictState.UNSURE:
                continue
            await self.store.append_observation(
                VerdictChanged(
                    at=self._clock.now(),
                    metric=name,
                    was=entry.said or "unsure",
                    became=verdict.state.value,
                    reason=verdict.reason,
                )
            )

    async def _rewire(self) -> None:
        """Poll and call the backends of the plan that was accepted, here or by another console."""
        plan = self.store.state.plan
        if plan.digest == self._backends.plan.digest:
            return
        try:
            backends = self._connect(plan)
        except (ConnectError, UnknownAdapter) as error:
            fault = f"the accepted plan cannot be used here: {error}"
            if self.store.state.local.fault != fault:
                self.store.set_local(fault=fault)
            return
        before, self._backends = self._backends, backends
        self.store.set_local(cautions=self._cautions(backends))
        if polling := {task for task in self._tasks if task.get_name() == "pollers"}:
            for task in polling:
                task.cancel()
            await asyncio.wait(polling)
        self._pollers = Pollers(self.store, self._backends, self._clock, self.membership.is_poller)
        self._keep("pollers", lambda: self._pollers.run())
        await before.aclose()
