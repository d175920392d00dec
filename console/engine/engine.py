"""The engine: poll, judge and act for one rollout until it is closed.

A screen runs it in a thread of its own (`thread`), a headless verb awaits it. It publishes frozen States through
`on_state`, which must not block.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections.abc import Callable
from dataclasses import replace

from adapters.priority import urgent
from adapters.registry import ConnectError, UnknownAdapter
from console.engine.actions import Actions
from console.engine.answer import Answer, Result
from console.engine.backend_set import BackendSet
from console.engine.backends import Backends
from console.engine.checkpoint_keeper import CheckpointKeeper
from console.engine.config import EngineConfig
from console.engine.corrected_clock import CorrectedClock, clock_line
from console.engine.debounce import ChangeDebouncer
from console.engine.gate_webhooks import GateResponder
from console.engine.identity import actor, groups_of
from console.engine.journal_follower import JournalFollower
from console.engine.journal_time import learn_first_time
from console.engine.mark_owner import MarkOwner, learn_owner
from console.engine.membership import Membership
from console.engine.opening import Joined, Joining
from console.engine.plan_file_watch import PlanFileWatch
from console.engine.poller_duties import PollerDuties
from console.engine.pollers import Pollers
from console.engine.previews import previews_for
from console.engine.replay import Depth
from console.engine.requests import Requests
from console.engine.rollback import RollbackRunner
from console.engine.rollout_marks import RolloutMarks
from console.engine.spooler import SpoolWriter
from console.engine.store import PATIENCE_S, StateStore
from console.engine.supervisor import Supervisor, cancel_and_wait
from console.engine.target_calls import TargetCalls
from console.engine.workers import JournalThread
from console.events.evidence import Actor
from console.journal.contract import Journal
from console.journal.moment import now as moment
from console.logs.context import bind_rollout, report_internal_error
from console.plan.nouns import Plan
from console.state.assessment import assess
from console.state.intent import Intent
from console.state.values import State

_log = logging.getLogger("warroom.engine")

CYCLE_S = 0.25
"""How often the newest State is published at most."""
_LONGEST_ASK_S = 2.0
"""How long an opening waits for the time of the journal's server."""
SLOW_CYCLES = 4
"""So many cycles pass between two looks at what changes with time alone."""


class Engine:
    """Poll, record and act for one rollout; made by `Engine.open`."""

    @classmethod
    async def open(
        cls,
        config: EngineConfig,
        on_state: Callable[[State], None],
        *,
        hurry_s: float | None = None,
        depth: Depth = Depth.SHOWN,
        on_judging: Callable[[int], None] | None = None,
    ) -> Engine:
        """Connect the backends and open or join the rollout.

        Sends nothing; `start` begins to poll.

        Args:
            on_state: receives each newest State, in the engine's loop; must not block.
            hurry_s: how long the journal may take to say which rollout is open; None: as long as it allows itself.
            depth: how much of the recorded samples to take in before this returns.
            on_judging: called, in another thread, with the number of samples that are judged first.

        Raises:
            ConnectError, UnknownAdapter: a backend's options cannot be used.
            JournalUnavailable: the journal cannot be read. One that cannot be written opens UNJOURNALED.
        """
        changes = ChangeDebouncer()
        clock = CorrectedClock(config.clock)
        config = replace(config, clock=clock)
        owner = MarkOwner()

        def connect(plan: Plan) -> Backends:
            return Backends(plan, clock, config.state_dir, changes.notify, owner)

        async with contextlib.AsyncExitStack() as on_failure:
            backends = BackendSet(connect, config.plan)
            on_failure.push_async_callback(backends.aclose)
            thread = JournalThread()
            on_failure.callback(thread.shutdown, wait=False)
            spooler = SpoolWriter(config.spool)
            if not config.observing or config.gate_token is not None:  # an observer has no events to spool
                spooler.begin()
            on_failure.push_async_callback(spooler.close)
            who = config.who or actor()
            joining = Joining(config.journal, thread, hurry_s, depth, on_judging)
            await joining.adopt(config.plan.rollout, lambda: spooler.adopt(config.journal, clock.now(), who))
            patience_s = PATIENCE_S if hurry_s is not None else _LONGEST_ASK_S
            await learn_first_time(clock, config.journal, thread, patience_s)
            await learn_owner(owner, config.journal, thread, 0.0 if hurry_s is not None else patience_s)
            joined = await joining.join(config.plan, backends.current, clock, who, config.version)
            if not owner.journal:  # its first event may just have been written
                await learn_owner(owner, config.journal, thread, 0.0 if hurry_s is not None else patience_s)
            rollout = joined.rollout
            bind_rollout(rollout.rollout)
            if not backends.current.serves(rollout.plan):
                async with backends.swapping(rollout.plan):
                    pass
            who = _with_login(who, config.journal)
            engine = cls(config, on_state, backends, joined, thread, spooler, who, owner)
            engine._judges_on = depth is Depth.SHOWN
            changes.connect(engine.pollers.poll_soon)
            await engine._begin()
            on_failure.pop_all()
        return engine

    def __init__(
        self,
        config: EngineConfig,
        on_state: Callable[[State], None],
        backends: BackendSet,
        joined: Joined,
        thread: JournalThread,
        spooler: SpoolWriter,
        who: Actor,
        owner: MarkOwner,
    ) -> None:
        """Use `Engine.open`, which makes the parts."""
        self.plan = config.plan
        self.is_new_run = joined.is_new
        """No run was open: this console began one."""
        self._journal = config.journal
        self._clock = clock = config.clock
        self._boot = moment().boot
        self._on_state = on_state
        self._backends = backends
        self._spooler = spooler
        self._changed = asyncio.Event()
        """Set by every change of the state, until it is published."""
        self._intents: set[asyncio.Task[Answer]] = set()
        self.store = store = StateStore(
            config.journal,
            joined.rollout,
            self._note_change,
            joined.unwritten,
            thread,
            spooler,
            last_sample=joined.last_sample,
            broken=joined.broken,
        )
        store.set_local(
            operator=who,
            groups=groups_of(who.user),
            observing=config.observing,
            cautions=self._cautions(backends.current),
            dropped_samples=joined.dropped_samples,
        )
        self.pollers = Pollers(store, backends, clock)
        self.membership = Membership(store, clock, who, observing=config.observing, on_poller=self.pollers.poll_soon)
        self._requests = Requests(store, clock, who)
        self.runner = RollbackRunner(store, self._requests, clock, backends=backends, pollers=self.pollers)
        self._plan_file = PlanFileWatch(store, config.plan)
        self._marks = RolloutMarks(store, clock, who, backends=backends, owner=owner)
        calls = TargetCalls(store, self._requests, backends, self.pollers, self._marks)
        self.actions = Actions(
            store, calls, self.runner, clock, who, backends=backends, plan_file=self._plan_file, marks=self._marks
        )
        self.gate_responder = GateResponder(
            store, clock, who, backends=backends, pollers=self.pollers, token=config.gate_token
        )
        self._follower = JournalFollower(config.journal, store, spooler, self.membership, clock, who)
        self._checkpoints = CheckpointKeeper(config.journal, store, joined.judged)
        self._judges_on = False
        """Whether it stays open long enough to judge in the background, and to keep a checkpoint."""
        self.supervisor = Supervisor(lambda fault: store.set_local(fault=fault))
        self.duties = PollerDuties(store, self.actions, self.supervisor, clock, self.act)

    async def _begin(self) -> None:
        await self.store.unwritten.spool_held(self.store.state.rollout)
        await self._plan_file.check()
        await self._follower.record_notices()
        state = self.store.state
        words = "opened" if self.is_new_run else "joined"
        _log.info("%s %s", words, state.rollout, extra={"mode": state.mode.value})

    def _cautions(self, backends: Backends) -> tuple[str, ...]:
        """Lines about how we talk to backends and journal, for all who decide."""
        return (*backends.cautions, *self._journal.cautions)

    def _note_change(self) -> None:
        self._changed.set()

    def start(self) -> None:
        """Begin polling and publishing; returns at once."""
        self.supervisor.keep("membership", self.membership.run)
        self.supervisor.keep("pollers", self.pollers.run)
        self.supervisor.keep("journal", self._follower.run)
        self.supervisor.keep("plan file", self._plan_file.run)
        if self._judges_on:
            self.supervisor.keep("checkpoints", self._checkpoints.run)
        self.supervisor.keep("cycle", self._run_cycles)

    async def wait_polled(self) -> None:
        """Return once every source was polled once by this or the polling console."""
        await self.membership.wait_known()
        polled = asyncio.ensure_future(self.pollers.wait_polled())
        while self.store.lease.is_poller() and not polled.done():  # the lease may be lost meanwhile
            await asyncio.wait({polled}, timeout=CYCLE_S)
        if not polled.cancel():
            return
        await self.pollers.read_targets()

    def state(self) -> State:
        """The newest State, assessed now."""
        self._follow_poller()
        assessed = assess(self.store.state, self._clock.now())
        self.store.set_local(previews=previews_for(assessed, self._backends.current))
        return replace(assessed, local=self.store.state.local)

    def _follow_poller(self) -> None:
        """Go by the time of the console that polls on this machine, where no server gives one, and say what is off."""
        clock, polled = self._clock, self.store.rollout.polled
        if isinstance(clock, CorrectedClock):
            theirs = polled is not None and polled.boot == self._boot and self.store.lease.is_anothers()
            clock.learn_poller(polled.lead_s if polled is not None and theirs else None)
            self.store.set_local(clock=clock_line(clock.error()))

    async def act(self, intent: Intent) -> Answer:
        """Carry out one intent; runs beside others (a rollback overtakes a promote)."""
        task = asyncio.create_task(self.actions.act(intent), name=f"act {intent.verb}")
        self._intents.add(task)
        task.add_done_callback(self._intents.discard)
        with urgent():
            await asyncio.wait({task})
        if task.cancelled():
            return Answer(Result.UNKNOWN, f"{intent.verb} was cut off; a read will tell what it did")
        if (error := task.exception()) is not None:  # a bug of ours must reach the operator, not die with its task
            words = report_internal_error(_log, error)
            self.store.set_local(fault=f"{intent.verb or 'note'}: {words}")
            return Answer(Result.UNKNOWN, f"{intent.verb or 'note'}: {words}; look before doing anything")
        await self._use_accepted_plan()
        return task.result()

    @property
    def spool_path(self) -> str | None:
        """The spool that has all unwritten events, or None."""
        return self._spooler.path if self.store.unwritten.is_spooled else None

    def in_flight(self) -> str | None:
        """The calls of this console that have not ended, or None."""
        calls = [request.asks for request in self._requests.in_flight]
        if self.store.state.local.running:
            calls.append("the rollback's automatic steps")
        return ", ".join(calls) or None

    async def finish_rollback(self) -> None:
        """Wait for the automatic rollback steps under way, bounded by their deadlines."""
        steps = sum(not entry.is_over for entry in self.store.state.checklist)
        timing = self.store.state.plan.timing
        bound_s = steps * (timing.write_deadline_s + 2 * self.store.state.plan.hold_s) + 10.0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(bound_s):
                await self.runner.idle.wait()

    async def wait_intents(self) -> None:
        """Wait until every intent of this console is carried out."""
        while self._intents:
            await asyncio.wait(set(self._intents))

    async def close(self) -> None:
        """Settle calls in flight as unknown, write held events, close backends."""
        await self.gate_responder.close()
        await self.runner.stop()
        await cancel_and_wait({*self._intents, *self.supervisor.tasks})
        self._plan_file.close()
        await self._marks.close()
        await self._backends.aclose()
        await self.store.drain()
        await self._checkpoints.close(stays=self._judges_on)
        await self.membership.leave()
        await self._spooler.close()
        self.store.close()
        _log.info("left %s", self.store.state.rollout)

    async def _run_cycles(self) -> None:
        published_at = -math.inf
        clock = asyncio.get_running_loop().time
        while True:
            await self.actions.cancel_overtaken()
            await self._use_accepted_plan()
            await self._requests.reconcile()
            if self._changed.is_set() or clock() - published_at >= (SLOW_CYCLES - 0.5) * CYCLE_S:
                state = self.state()
                published_at = clock()
                self._changed.clear()
                if self.store.lease.is_poller():
                    await self.duties.record(state)
                    self.duties.act_on_fail(state)
                self._on_state(state)
            await self._rest()

    async def _rest(self) -> None:
        """Wait for a cycle, and further while nothing changes and no request waits for its end."""
        await asyncio.sleep(CYCLE_S)
        if self._requests.has_open:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout((SLOW_CYCLES - 1) * CYCLE_S):
                await self._changed.wait()

    async def _use_accepted_plan(self) -> None:
        """Poll and call the backends of the plan that was accepted, here or by another console."""
        plan = self.store.state.plan
        if self._backends.current.serves(plan):
            return
        try:
            async with self._backends.swapping(plan) as backends:
                self.store.set_local(cautions=self._cautions(backends))
                was_polling = await self.supervisor.stop("pollers")
                self.pollers.forget()
                if was_polling:
                    self.supervisor.keep("pollers", self.pollers.run)
        except (ConnectError, UnknownAdapter) as error:
            self.store.set_local(fault=f"the accepted plan cannot be used here: {error}")


def _with_login(who: Actor, journal: Journal) -> Actor:
    """The operator, by the name that the journal's database knows, if it has logins of its own."""
    identity = journal.identity(who)
    return replace(who, login=identity.removeprefix("login:") if identity.startswith("login:") else None)
