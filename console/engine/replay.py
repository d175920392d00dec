"""Make the state of a rollout from its record: events always, samples from a checkpoint as far as one is valid.

Samples are taken in the order of their numbers, each after the event that it names; a full replay and one from a
checkpoint therefore fold the same things in the same order.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache

from console.events.kinds import DecisionTaken, RolloutOpened, Unbelieved
from console.journal.contract import Journal, JournalEntry, JournalUnavailable, StoredCheckpoint
from console.plan.loader import parse
from console.plan.nouns import Plan
from console.plan.problems import PlanError
from console.state.assessment import assess
from console.state.belief import fold_stored
from console.state.checkpoint import SampleParts, sample_parts, with_sample_parts, with_unjudged
from console.state.checkpoint_codec import decode_parts, encode_parts
from console.state.checkpoint_types import BadCheckpoint
from console.state.folding import blank
from console.state.rules import RULES
from console.state.values import RolloutState

FORMAT = "warroom checkpoint 1"
NEWEST_SAMPLES = 400
"""Samples after a checkpoint that an opening folds at once; where there are more, the newest of them."""
NEWEST_TICKS = 720
"""Ticks of a ledger that a headless command reads of a checkpoint."""
PAGE = 200
"""Samples read at once while all of them are folded."""


class NoOpening(JournalUnavailable):
    """No opening of the rollout can be believed."""


class Depth(StrEnum):
    """How much of the recorded samples an opening takes in."""

    EVENTS = "events"
    """None: for what is about decisions alone."""
    NEWEST = "newest"
    """A bounded number, and the newest ticks of a checkpoint: for a command that must not wait."""
    SHOWN = "shown"
    """A bounded number, and all of a checkpoint: for a screen, which judges the rest later."""
    ALL = "all"
    """All of them: for a decision that needs the verdicts."""


@dataclass(frozen=True, slots=True)
class ReplayPoint:
    """The state of a rollout by its record up to one place."""

    state: RolloutState
    sample: int = 0
    """Number of the last sample before that place."""
    bare: RolloutState | None = field(default=None, repr=False)
    """The same without any sample."""
    dropped: int = field(default=0, compare=False)
    """Samples on the way there that are not believed."""

    def knowing(self, plans: Mapping[str, Plan]) -> ReplayPoint:
        """The same with more plans that a later event may name."""
        bare = None if self.bare is None else replace(self.bare, plans=plans)
        return replace(self, state=replace(self.state, plans=plans), bare=bare)

    @property
    def seq(self) -> int:
        """Number of the last event before that place."""
        return self.state.last_seq


@lru_cache(maxsize=8)
def _plan_of(text: str, path: str) -> Plan:
    """The plan in `text`, parsed once: each command folds the last runs of a plan, and resumes one of them."""
    return parse(text, path)


def recorded_plans(entries: Sequence[JournalEntry], path: str, rollout: str) -> dict[str, Plan]:
    """The plans that events of a rollout carry, parsed, by digest; the one that it was opened with comes first.

    A plan that cannot be read, or that is not the one that its event names, is left out.

    Raises:
        JournalUnavailable: there is no opening, or none with a plan that this version can read.
    """
    plans: dict[str, Plan] = {}
    problem: PlanError | None = None
    is_opened = False
    for entry in entries:
        event = entry.event
        is_opening = isinstance(event, RolloutOpened)
        if not isinstance(event, RolloutOpened | DecisionTaken) or event.plan_text is None:
            continue
        if is_opening is is_opened:  # a second opening counts for nothing, nor does a plan before the first
            continue
        text = event.plan_text.encode("utf-8", "surrogatepass")
        if hashlib.sha256(text).hexdigest() != event.plan_digest:  # hundreds of forged ones must not all be parsed
            continue
        try:
            plan = _plan_of(event.plan_text, path)
        except PlanError as error:
            if is_opening:
                problem = error  # written by a newer version: no later opening takes its place
                break
            continue
        if plan.digest == event.plan_digest:
            plans[plan.digest] = plan
            is_opened = True
    if plans:
        return plans
    if problem is not None:
        raise JournalUnavailable(
            f"journal: the plan of {rollout} cannot be read by this version: {problem}"
        ) from problem
    raise NoOpening(f"journal: {rollout} has no opening")


class RolloutRecord:
    """The events of a rollout and the way to its samples; used in the journal's thread.

    Raises:
        JournalUnavailable: the journal cannot be read, or the plan it holds is not one this version can read.
    """

    def __init__(self, journal: Journal, rollout: str, path: str) -> None:
        self._journal = journal
        self._path = path
        self.rollout = rollout
        self.events = journal.tail(rollout, 0)
        self.plans = recorded_plans(self.events, path, rollout)

    @classmethod
    def of(cls, journal: Journal, rollout: str, path: str) -> RolloutRecord | None:
        """The record of a rollout; None where no opening of it can be believed.

        Raises:
            JournalUnavailable: the journal cannot be read, or the plan it holds is not one this version can read.
        """
        try:
            return cls(journal, rollout, path)
        except NoOpening:
            return None

    @property
    def beginning(self) -> ReplayPoint:
        """The rollout before its first event."""
        state = blank(next(iter(self.plans.values())), self.rollout, self.plans)
        return ReplayPoint(state, bare=state)

    def without_samples(self, until: int | None = None) -> RolloutState:
        """The state after the events up to number `until`; None: after all."""
        state = self.beginning.state
        for entry in self.events:
            if until is None or entry.seq <= until:
                state = fold_stored(state, entry.event, entry.seq)
        return state

    def from_checkpoint(self, newest: int | None = None) -> ReplayPoint | None:
        """The state at the checkpoint; None without a valid one. `newest`: how many ticks of each ledger to read."""
        stored = self._journal.checkpoint(self.rollout)
        if stored is None or stored.digest != digest_of(stored, self.rollout):
            return None
        bare = self.without_samples(stored.seq)
        if bare.last_seq != stored.seq:
            return None
        parts = readable_parts(stored.body, bare, newest)
        return None if parts is None else ReplayPoint(with_sample_parts(bare, parts), stored.sample, bare)

    def newest(self, start: ReplayPoint, most: int) -> ReplayPoint:
        """All events after `start`, and the newest `most` samples; metrics say how many were left out."""
        tail = self._journal.newest_samples(self.rollout, start.sample, most)
        state = with_unjudged(start.state, tail.left_out) if tail.left_out else start.state
        found = point_after(replace(start, state=state), self.events, tail.entries)
        if tail.left_out:  # a metric that came with an accepted plan lacks them no less
            found = replace(found, state=with_unjudged(found.state, tail.left_out))
        return found

    def page(self, after: int, size: int = PAGE) -> list[JournalEntry]:
        """The next samples, and before them whatever events they name that were recorded meanwhile.

        Raises:
            JournalUnavailable: see above.
        """
        samples = self._journal.tail_samples(self.rollout, after, size)
        last = self.events[-1].seq
        if (not samples or any(entry.seq > last for entry in samples)) and (
            more := self._journal.tail(self.rollout, last)
        ):
            self.events += more
            self.plans = recorded_plans(self.events, self._path, self.rollout)
        return samples

    def after(self, start: ReplayPoint, samples: Sequence[JournalEntry]) -> ReplayPoint:
        """The state after a page that follows `start`; without samples, after all events."""
        return point_after(start.knowing(self.plans), self.events, samples, is_end=not samples)

    def chain_at(self, seq: int) -> str | None:
        """The chain's hash of event number `seq`; None if there is no such event."""
        rows = self._journal.rows(self.rollout, seq - 1)
        return rows[0].hash if rows and rows[0].seq == seq else None

    def count_after(self, start: ReplayPoint) -> int:
        """The number of samples after `start`."""
        tail = self._journal.newest_samples(self.rollout, start.sample, 1)
        return tail.left_out + len(tail.entries)


def point_after(
    start: ReplayPoint, events: Sequence[JournalEntry], samples: Sequence[JournalEntry], *, is_end: bool = True
) -> ReplayPoint:
    """The state after those of `events` that `start` lacks, and `samples`, in recorded order.

    `is_end`: no samples follow, so that the events after the last of them come in too.
    """
    state, bare, number = start.state, start.bare, start.sample
    after = bisect_right(events, start.seq, key=lambda entry: entry.seq)
    for sample in samples:
        # one that names an earlier event than the one before it, or one that does not exist, is forged: it stays here
        if events and sample.seq <= events[-1].seq:
            while after < len(events) and events[after].seq <= sample.seq:
                state, bare = _after_event(state, bare, events[after])
                after += 1
        state = fold_stored(state, sample.event, None)
        number = max(number, sample.sample or 0)
    for entry in events[after:] if is_end else ():
        state, bare = _after_event(state, bare, entry)
    return ReplayPoint(state, number, bare, start.dropped + sum(isinstance(each.event, Unbelieved) for each in samples))


def _after_event(
    state: RolloutState, bare: RolloutState | None, entry: JournalEntry
) -> tuple[RolloutState, RolloutState | None]:
    after = fold_stored(state, entry.event, entry.seq)
    return after, None if bare is None else fold_stored(bare, entry.event, entry.seq)


def replay_rollout(
    journal: Journal,
    rollout: str,
    path: str,
    depth: Depth = Depth.ALL,
    on_judging: Callable[[int], None] | None = None,
) -> ReplayPoint:
    """The state of a rollout in the journal.

    Args:
        depth: how many of the samples to take in.
        on_judging: called with the number of samples that are judged first, where that takes a moment.

    Raises:
        JournalUnavailable: the journal cannot be read, or the plan it holds is not one this version can read.
    """
    record = RolloutRecord(journal, rollout, path)
    if depth is Depth.EVENTS:
        return ReplayPoint(record.without_samples())
    start = record.from_checkpoint(NEWEST_TICKS if depth is Depth.NEWEST else None) or record.beginning
    if depth is not Depth.ALL:
        return record.newest(start, NEWEST_SAMPLES)
    if on_judging is not None and (count := record.count_after(start)) > NEWEST_SAMPLES:
        on_judging(count)
    samples = record.page(start.sample)
    while samples:
        start = record.after(start, samples)
        samples = record.page(start.sample)
    return record.after(start, [])


def checkpoint_at(replayed: ReplayPoint, chain: str) -> StoredCheckpoint | None:
    """A checkpoint of a full replay; None where events and parts would not give the same state again.

    Args:
        chain: hash of the last event that it follows.
    """
    parts = sample_parts(replayed.state)
    if replayed.bare is None or with_sample_parts(replayed.bare, parts) != replayed.state:
        return None
    made = StoredCheckpoint(replayed.seq, replayed.sample, "", encode_parts(parts), chain)
    return replace(made, digest=digest_of(made, replayed.state.rollout))


def digest_of(stored: StoredCheckpoint, rollout: str) -> str:
    """The digest that a checkpoint has to carry: of the body, and of all that it was made from.

    The chain's hash covers every event up to `seq`, and with them the plans.
    """
    made_from = (FORMAT, RULES, rollout, str(stored.seq), stored.chain, str(stored.sample))
    digest = hashlib.sha256("\n".join(made_from).encode(errors="surrogatepass"))
    digest.update(b"\n" + stored.body)
    return digest.hexdigest()


def readable_parts(body: bytes, bare: RolloutState, newest: int | None) -> SampleParts | None:
    """The parts in `body` that fit the state `bare`, and with which it can be assessed; None: there are none."""
    try:
        parts = decode_parts(body, bare.metrics, newest)
        laid = with_sample_parts(bare, parts)
        if (at := laid.clocked_at or laid.opened_at) is not None:
            assess(laid, at)
    except (BadCheckpoint, ValueError, ArithmeticError, TypeError, LookupError, AttributeError):
        return None  # a cache that cannot be used is as good as none
    return parts
