"""What every journal must do, whatever database stands behind it. Run over SQLite and PostgreSQL by subclasses.

A subclass gives two fixtures: `journal`, and `other`, a second console's connection to the same place.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain

import pytest

from console.events.evidence import Actor
from console.events.kinds import Event
from console.journal.contract import (
    Conflict,
    ConsoleRole,
    Fenced,
    Journal,
    JournalEntry,
    NotPermitted,
    StoredCheckpoint,
)
from console.journal.sanitize import LONGEST
from tests.journal_rig import (
    ANA,
    AT,
    BOB,
    RUN,
    closing,
    decided,
    forward,
    halt,
    note,
    opening,
    presence,
    sample,
)

LONG_S = 600.0
"""A lease that is not over before the test is."""


def told(entries: list[JournalEntry]) -> list[str]:
    return [getattr(entry.event, "source", getattr(entry.event, "text", entry.event.kind)) for entry in entries]


def plain(entries: list[JournalEntry]) -> list[JournalEntry]:
    """Entries without the login that a database with logins stamps them with."""
    return [replace(entry, event=_without_login(entry.event)) for entry in entries]


def _without_login(event: Event) -> Event:
    return event.model_copy(update={"who": event.who and replace(event.who, login=None)})


class EventsContract:
    """Events: one order, each once, races decided."""

    def test_a_journal_is_known_by_the_hash_of_its_first_event(self, journal: Journal, other: Journal) -> None:
        assert journal.first_hash() == ""
        journal.append(RUN, opening())
        journal.append(RUN, note("later"))
        assert other.first_hash() == journal.first_hash() == journal.rows(None, None)[0].hash

    def test_events_come_back_in_order_with_their_numbers(self, journal: Journal) -> None:
        events: list[Event] = [opening(), note("a"), note("b")]
        assert [journal.append(RUN, event) for event in events] == [1, 2, 3]
        assert plain(journal.tail(RUN, 0)) == [
            JournalEntry(number, event) for number, event in enumerate(events, start=1)
        ]
        assert plain(journal.tail(RUN, 2)) == [JournalEntry(3, events[2])]

    def test_what_nobody_touched_is_as_it_was_made(self, journal: Journal, other: Journal) -> None:
        journal.append(RUN, opening())
        assert (journal.alterations(), other.alterations()) == ([], [])

    def test_text_comes_back_as_it_was(self, journal: Journal) -> None:
        odd = "naïve '\"; DROP TABLE events; -- \\u0000 \\x1b 🚀 👩 שלום %s {x} $1"
        journal.append(RUN, note(odd))
        assert told(journal.tail(RUN, 0)) == [odd]

    def test_a_line_comes_back_as_one_line(self, journal: Journal) -> None:
        journal.append(RUN, note("a\n\tb\rc\u2028d"))
        assert told(journal.tail(RUN, 0)) == ["a b c d"]

    def test_what_could_act_on_a_terminal_does_not_come_back(self, journal: Journal) -> None:
        journal.append(RUN, note("a\x1b]52;c;!\x07b\u202ec\x9bd\x00e\x7ff\u2066g"))
        assert told(journal.tail(RUN, 0)) == ["a]52;c;!bcdefg"]
        assert told(journal.history(RUN)) == ["a]52;c;!bcdefg"]

    def test_every_rollout_is_numbered_for_itself(self, journal: Journal) -> None:
        assert (journal.append("a/1", opening()), journal.append("b/1", opening())) == (1, 1)
        assert told(journal.tail("a/1", 0)) == ["rollout_opened"]

    def test_an_event_that_is_there_already_is_not_recorded_again(self, journal: Journal, other: Journal) -> None:
        event = note("once")
        journal.append(RUN, opening())
        assert (journal.append(RUN, event), other.append(RUN, event), journal.append(RUN, event)) == (2, 2, 2)
        assert len(journal.tail(RUN, 0)) == 2

    def test_a_forward_move_that_is_retried_does_not_race_itself(self, journal: Journal) -> None:
        move = forward(1)
        assert journal.append(RUN, move) == journal.append(RUN, move)

    def test_a_forward_move_is_made_once(self, journal: Journal, other: Journal) -> None:
        journal.append(RUN, forward(1))
        with pytest.raises(Conflict, match="move 1 of checkout/1 was made by another console"):
            other.append(RUN, forward(1))
        assert other.append(RUN, forward(2)) == 2

    def test_of_many_consoles_that_make_one_move_at_once_one_does(self, journal: Journal, other: Journal) -> None:
        both = threading.Barrier(2)

        def move(mine: Journal, number: int) -> bool:
            both.wait(30)
            try:
                mine.append(RUN, forward(number))
            except Conflict:
                return False
            return True

        journal.append(RUN, opening())
        with ThreadPoolExecutor(2) as threads:
            for number in range(1, 16):
                assert sorted(threads.map(move, (journal, other), (number, number))) == [False, True]
        assert [entry.seq for entry in journal.tail(RUN, 0)] == list(range(1, 17))

    def test_the_events_of_two_consoles_at_once_have_every_number_once(self, journal: Journal, other: Journal) -> None:
        def write(mine: Journal) -> list[int]:
            return [mine.append(RUN, note("n")) for _ in range(20)]

        with ThreadPoolExecutor(2) as threads:
            numbers = [*chain.from_iterable(threads.map(write, (journal, other)))]
        assert sorted(numbers) == list(range(1, 41))

    def test_halts_and_notes_race_with_nobody(self, journal: Journal, other: Journal) -> None:
        assert (journal.append(RUN, halt()), other.append(RUN, halt())) == (1, 2)

    def test_a_rollout_is_opened_once(self, journal: Journal, other: Journal) -> None:
        journal.append(RUN, opening())
        with pytest.raises(Conflict, match="checkout/1 was opened by another console"):
            other.append(RUN, opening())

    def test_of_two_that_open_the_next_run_of_a_plan_the_second_conflicts(
        self, journal: Journal, other: Journal
    ) -> None:
        coming = other.next_run("checkout")
        journal.append("checkout/1", opening())
        with pytest.raises(Conflict):
            other.append(coming, opening())
        assert other.append("check/1", opening()) == 1

    def test_a_closed_plan_may_be_run_again(self, journal: Journal) -> None:
        journal.append(RUN, opening())
        assert journal.open_run("checkout") == RUN
        journal.append(RUN, closing())
        assert (journal.open_run("checkout"), journal.next_run("checkout")) == (None, "checkout/2")
        journal.append("checkout/2", opening())
        assert journal.open_run("checkout") == "checkout/2"

    def test_a_closed_rollout_is_not_moved_forward(self, journal: Journal, other: Journal) -> None:
        journal.append(RUN, opening())
        journal.append(RUN, closing())
        with pytest.raises(Conflict, match="was closed by another console"):
            other.append(RUN, forward(1))

    def test_a_plan_never_run_has_no_open_run_and_begins_at_one(self, journal: Journal) -> None:
        assert (journal.open_run("checkout"), journal.next_run("checkout")) == (None, "checkout/1")

    @pytest.mark.parametrize("name", ["checkout-eu", "checkout.eu", "checkout0", "checkou", "Checkout", "checkout_"])
    def test_a_plan_name_that_resembles_another_is_not_confused_with_it(self, journal: Journal, name: str) -> None:
        journal.append(f"{name}/1", opening())
        assert (journal.open_run("checkout"), journal.next_run("checkout")) == (None, "checkout/1")
        assert (journal.open_run(name), journal.next_run(name)) == (f"{name}/1", f"{name}/2")

    def test_the_tenth_run_comes_after_the_ninth(self, journal: Journal) -> None:
        for number in range(1, 11):
            journal.append(f"checkout/{number}", opening())
            journal.append(f"checkout/{number}", closing())
        assert journal.next_run("checkout") == "checkout/11"

    def test_runs_are_told_newest_first(self, journal: Journal) -> None:
        journal.append("a/1", opening())
        journal.append("a/1", forward(1))
        journal.append("b/1", opening())
        journal.append("a/1", closing())
        found = [(run.rollout, run.opened_by, run.closed, run.decisions) for run in journal.runs()]
        assert found == [("b/1", "ana", False, 0), ("a/1", "ana", True, 1)]
        assert journal.runs()[0].opened_at == AT

    def test_decisions_say_who_did_what_and_what_became_of_it(self, journal: Journal) -> None:
        decision = decided(journal)
        (row,) = journal.decisions(RUN)
        assert (row.seq, row.at, row.who, row.verb, row.stage) == (
            2,
            "2026-03-02T12:00:00.000+00:00",
            "ana",
            "promote",
            0,
        )
        assert (row.outcome, row.id) == ("edge accepted, flag not settled", decision.id)
        assert (row.subject, row.reason, row.override) == (None, "", None)
        assert journal.decisions("other/1") == []
        assert journal.decisions() == [row]


class SamplesContract:
    """Samples: merged into one order, tailed, pruned once a rollout is closed."""

    def test_samples_and_events_merge_into_the_order_in_which_they_were_recorded(self, journal: Journal) -> None:
        journal.append(RUN, opening())
        journal.append_samples(RUN, [sample("s0"), sample("s1")])
        journal.append(RUN, note("between"))
        journal.append_samples(RUN, [sample("s2")])
        journal.append("other/1", note("elsewhere"))
        journal.append_samples(RUN, [sample("s3")])
        assert told(journal.history(RUN)) == ["rollout_opened", "s0", "s1", "between", "s2", "s3"]
        assert [entry.seq for entry in journal.history(RUN)] == [1, 1, 1, 2, 2, 2]

    def test_samples_are_tailed_from_where_the_history_ended(self, journal: Journal, other: Journal) -> None:
        journal.append(RUN, opening())
        journal.append_samples(RUN, [sample("s0"), sample("s1")])
        last = max(entry.sample for entry in other.history(RUN) if entry.sample is not None)
        assert other.tail_samples(RUN, last) == []
        journal.append_samples("other/1", [sample("elsewhere")])
        journal.append_samples(RUN, [sample("s2"), sample("s3")])
        fresh = other.tail_samples(RUN, last)
        assert told(fresh) == ["s2", "s3"]
        assert [entry.sample for entry in fresh] == sorted(entry.sample for entry in fresh if entry.sample is not None)
        assert told(other.tail_samples(RUN, 0)) == ["s0", "s1", "s2", "s3"]

    def test_the_samples_of_a_closed_rollout_are_pruned_and_its_events_kept(self, journal: Journal) -> None:
        for rollout in (RUN, "other/1"):
            journal.append(rollout, opening())
            journal.append_samples(rollout, [sample("s0"), sample("s1")])
        journal.append(RUN, closing())
        assert (journal.prune(RUN, dry_run=True), journal.prune(RUN), journal.prune(RUN)) == (2, 2, 0)
        assert told(journal.history(RUN)) == ["rollout_opened", "rollout_closed"]
        assert told(journal.history("other/1")) == ["rollout_opened", "s0", "s1"]

    @pytest.mark.parametrize("rollout", [RUN, "never/1"])
    def test_the_samples_of_an_open_rollout_are_not_pruned(self, journal: Journal, rollout: str) -> None:
        journal.append(RUN, opening())
        journal.append_samples(RUN, [sample("s0")])
        with pytest.raises(NotPermitted, match="only samples of closed rollouts are pruned"):
            journal.prune(rollout)
        assert len(journal.history(RUN)) == 2


class CheckpointContract:
    """The newest samples, and the one checkpoint of a rollout."""

    def test_samples_are_read_in_pages_and_from_their_end(self, journal: Journal) -> None:
        journal.append(RUN, opening())
        journal.append_samples(RUN, [sample(f"s{number}") for number in range(5)])
        first = journal.tail_samples(RUN, 0, 2)
        assert told(first) == ["s0", "s1"]
        assert told(journal.tail_samples(RUN, first[-1].sample or 0, 2)) == ["s2", "s3"]
        newest = journal.newest_samples(RUN, first[0].sample or 0, 2)
        assert (told(newest.entries), newest.left_out) == (["s3", "s4"], 2)
        assert journal.newest_samples(RUN, first[0].sample or 0, 4).left_out == 0

    def test_a_checkpoint_comes_back_with_the_hash_of_its_event(self, journal: Journal, other: Journal) -> None:
        journal.append(RUN, opening())
        fence = journal.lease(RUN, "a", LONG_S).fence
        assert other.checkpoint(RUN) is None
        for body in (b"\x00\xff", b"second"):
            journal.save_checkpoint(RUN, StoredCheckpoint(1, 7, "0f", body), fence=fence)
        found = other.checkpoint(RUN)
        assert found == StoredCheckpoint(1, 7, "0f", b"second", journal.rows(RUN, 0)[0].hash)

    def test_a_checkpoint_of_a_console_that_does_not_poll_is_refused(self, journal: Journal, other: Journal) -> None:
        journal.append(RUN, opening())
        fence = journal.lease(RUN, "a", LONG_S).fence
        for wrong in (fence - 1, fence + 1):
            with pytest.raises(Fenced):
                other.save_checkpoint(RUN, StoredCheckpoint(1, 7, "0f", b"body"), fence=wrong)
        assert journal.checkpoint(RUN) is None

    def test_a_checkpoint_of_an_event_that_is_not_there_is_none(self, journal: Journal) -> None:
        journal.append(RUN, opening())
        fence = journal.lease(RUN, "a", LONG_S).fence
        journal.save_checkpoint(RUN, StoredCheckpoint(9, 7, "0f", b"body"), fence=fence)
        assert journal.checkpoint(RUN) is None

    def test_a_pruned_rollout_has_no_checkpoint(self, journal: Journal) -> None:
        journal.append(RUN, opening())
        fence = journal.lease(RUN, "a", LONG_S).fence
        journal.save_checkpoint(RUN, StoredCheckpoint(1, 7, "0f", b"body"), fence=fence)
        journal.append(RUN, closing())
        journal.prune(RUN)
        assert journal.checkpoint(RUN) is None

    def test_a_reader_reads_what_was_just_written(self, journal: Journal) -> None:
        journal.append(RUN, opening())
        reader = journal.reader()
        try:
            journal.append(RUN, note("later"))
            assert told(reader.tail(RUN, 0)) == ["rollout_opened", "later"]
        finally:
            reader.close()


class RoomContract:
    """Who polls, who is there, and that something happened."""

    def test_one_console_has_the_lease(self, journal: Journal, other: Journal) -> None:
        mine = journal.lease(RUN, "a", LONG_S)
        told_me = other.lease(RUN, "b", LONG_S)
        assert (mine.holder, mine.fence, told_me.holder, told_me.fence) == ("a", 1, "a", 1)
        assert 0 < told_me.left_s <= LONG_S

    def test_renewing_a_lease_keeps_its_fence_even_when_it_was_over(self, journal: Journal) -> None:
        journal.lease(RUN, "a", LONG_S)
        assert journal.lease(RUN, "a", 0.0).fence == 1
        assert journal.lease(RUN, "a", LONG_S) == journal.lease(RUN, "a", LONG_S)

    def test_a_lease_that_is_over_is_taken_with_the_next_fence(self, journal: Journal, other: Journal) -> None:
        journal.lease(RUN, "a", 0.0)
        assert (other.lease(RUN, "b", LONG_S).holder, journal.lease(RUN, "a", LONG_S).holder) == ("b", "b")
        assert journal.lease(RUN, "a", LONG_S).fence == 2

    def test_a_lease_given_back_is_free_at_once_and_its_fence_is_never_given_again(
        self, journal: Journal, other: Journal
    ) -> None:
        journal.lease(RUN, "a", LONG_S)
        journal.release(RUN, "b")
        assert other.lease(RUN, "b", LONG_S).holder == "a"
        journal.release(RUN, "a")
        assert (other.lease(RUN, "b", LONG_S).holder, other.lease(RUN, "b", LONG_S).fence) == ("b", 2)

    def test_whoever_only_looks_is_told_whose_lease_is_in_force(self, journal: Journal, other: Journal) -> None:
        assert other.current_lease(RUN) is None
        mine = journal.lease(RUN, "a", LONG_S)
        told = other.current_lease(RUN)
        assert told is not None and (told.holder, told.fence) == ("a", mine.fence)
        assert 0 < told.left_s <= LONG_S
        journal.release(RUN, "a")
        assert other.current_lease(RUN) is None
        journal.lease(RUN, "a", 0.0)
        assert other.current_lease(RUN) is None

    def test_every_rollout_has_a_lease_of_its_own(self, journal: Journal, other: Journal) -> None:
        assert (journal.lease("a/1", "a", LONG_S).holder, other.lease("b/1", "b", LONG_S).holder) == ("a", "b")

    def test_of_two_consoles_that_take_a_free_lease_at_once_one_has_it(self, journal: Journal, other: Journal) -> None:
        both = threading.Barrier(2)

        def take(mine: Journal, holder: str, rollout: str) -> str:
            both.wait(30)
            return mine.lease(rollout, holder, LONG_S).holder

        with ThreadPoolExecutor(2) as threads:
            for number in range(15):
                holders = set(threads.map(take, (journal, other), ("a", "b"), (f"r/{number}",) * 2))
                assert len(holders) == 1

    def test_what_was_observed_under_a_lease_taken_over_is_refused(self, journal: Journal, other: Journal) -> None:
        fence = journal.lease(RUN, "a", LONG_S).fence
        journal.append(RUN, note("mine"), fence=fence)
        journal.append_samples(RUN, [sample("mine")], fence=fence)
        journal.release(RUN, "a")
        other.lease(RUN, "b", LONG_S)
        with pytest.raises(Fenced, match="another console polls checkout/1 now"):
            journal.append(RUN, note("late"), fence=fence)
        with pytest.raises(Fenced):
            journal.append_samples(RUN, [sample("late")], fence=fence)
        assert told(other.history(RUN)) == ["mine", "mine"]

    def test_an_event_that_was_recorded_before_the_takeover_is_still_known_by_its_id(
        self, journal: Journal, other: Journal
    ) -> None:
        event = note("in time")
        fence = journal.lease(RUN, "a", 0.0).fence
        seq = journal.append(RUN, event, fence=fence)
        other.lease(RUN, "b", LONG_S)
        assert journal.append(RUN, event, fence=fence) == seq

    def test_a_decision_needs_no_lease(self, journal: Journal, other: Journal) -> None:
        journal.lease(RUN, "a", LONG_S)
        assert other.append(RUN, halt()) == 1

    def test_a_fence_that_nobody_was_given_is_refused(self, journal: Journal) -> None:
        with pytest.raises(Fenced):
            journal.append(RUN, note("x"), fence=1)

    def test_who_was_seen_is_present_until_gone(self, journal: Journal, other: Journal) -> None:
        journal.heartbeat(RUN, presence("s1"))
        other.heartbeat(RUN, presence("s2", BOB, ConsoleRole.OBSERVER))
        other.heartbeat("other/1", presence("s3"))
        journal.heartbeat(RUN, presence("s1", role=ConsoleRole.CAPTAIN))
        found = journal.present(RUN, LONG_S)
        assert [(entry.session, entry.actor, entry.role, entry.since) for entry in found] == [
            ("s1", ANA, ConsoleRole.CAPTAIN, AT),
            ("s2", BOB, ConsoleRole.OBSERVER, AT),
        ]
        assert all(0 <= entry.ago_s < LONG_S for entry in found)
        journal.leave(RUN, "s2")
        assert [entry.session for entry in other.present(RUN, LONG_S)] == ["s1"]

    def test_who_is_there_cannot_act_on_the_terminal_of_the_others(self, journal: Journal, other: Journal) -> None:
        evil = Actor(uid=1, user="a\x1b]52;c;!\x07\r\nb\u202e", host="h" * 5000, pid=1)
        other.heartbeat(RUN, presence("s1", evil))
        (found,) = journal.present(RUN, LONG_S)
        assert (found.actor.user, len(found.actor.host)) == ("a]52;c;! b", LONGEST)

    def test_who_was_not_seen_lately_is_not_present(self, journal: Journal) -> None:
        journal.heartbeat(RUN, presence("s1"))
        assert journal.present(RUN, -1.0) == []

    def test_a_watch_says_at_once_that_there_may_be_something_and_then_waits(self, journal: Journal) -> None:
        watch = journal.watch()
        assert (watch.wait(30.0), watch.wait(0.2)) == (True, False)
        watch.close()
        assert watch.wait(30.0) is False

    @pytest.mark.parametrize("what", ["event", "samples"])
    def test_a_watch_sees_what_another_console_records(self, journal: Journal, other: Journal, what: str) -> None:
        watch = journal.watch()
        watch.wait(30.0)
        if what == "event":
            other.append(RUN, note("news"))
        else:
            other.append_samples(RUN, [sample("news")])
        assert watch.wait(30.0) is True
        watch.close()
        watch.wait(0.0)

    def test_a_watch_is_not_woken_by_presence_and_leases(self, journal: Journal, other: Journal) -> None:
        watch = journal.watch()
        watch.wait(30.0)
        other.heartbeat(RUN, presence("s1"))
        other.lease(RUN, "s1", LONG_S)
        other.leave(RUN, "s1")
        assert watch.wait(0.5) is False
        watch.close()
        watch.wait(0.0)

    def test_a_wait_ends_when_its_watch_is_closed(self, journal: Journal) -> None:
        watch = journal.watch()
        watch.wait(30.0)
        timer = threading.Timer(0.1, watch.close)
        timer.start()
        assert watch.wait(60.0) is False
        timer.join()


class JournalContract(EventsContract, SamplesContract, CheckpointContract, RoomContract):
    """All of it."""
