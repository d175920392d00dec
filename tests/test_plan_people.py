"""Who may do what, when, and who is called: how a plan says it, and what it is told when it says it wrongly."""

from __future__ import annotations

from datetime import datetime

import pytest

from console.plan.lint import warnings
from console.plan.loader import PlanError, parse
from console.plan.nouns import Authority, Plan, Rung
from tests.plan_rig import CHECKOUT, line_of


def with_(more: str) -> Plan:
    return parse(CHECKOUT + more, "plan.yaml")


def told(more: str) -> list[str]:
    """What is wrong with the checkout plan with `more` at its end, without file and line."""
    text = CHECKOUT + more
    with pytest.raises(PlanError) as caught:
        parse(text, "plan.yaml")
    assert {problem.line for problem in caught.value.problems} == {line_of(text, more)}
    return [str(problem).split(": ", 1)[1] for problem in caught.value.problems]


def test_a_plan_says_who_may_do_what() -> None:
    plan = with_("authority: {promote: {users: [ana], groups: [sre], owners: true}, override: {groups: [lead]}}\n")
    assert plan.authority == {"promote": Authority(("ana",), ("sre",), True), "override": Authority((), ("lead",))}


def test_without_authority_everything_is_everybodys() -> None:
    assert with_("").authority == {}


def test_a_stage_says_how_many_approve_it_and_who_may_promote_to_it() -> None:
    text = CHECKOUT.replace("name: smoke, ", "name: smoke, approvals: 2, authority: {promote: {users: [bo]}}, ", 1)
    stage = parse(text, "plan.yaml").stages[0]
    assert (stage.approvals, stage.authority) == (2, {"promote": Authority(("bo",))})


def test_whom_authority_names_is_told_in_words() -> None:
    assert str(Authority(("ana", "bo"), ("sre",), True)) == "ana, bo, group sre or the stage's owner"
    assert str(Authority(("ana",))) == "ana"


def test_a_weekly_window_has_days_and_times_of_day() -> None:
    (window,) = with_("windows: {zone: Europe/Berlin, launch: [{days: mon-thu, from: 09:00, to: 16:30}]}\n").launch
    assert (set(window.days), window.begins_min, window.ends_min) == ({0, 1, 2, 3}, 540, 990)
    assert window.zone == "Europe/Berlin"


def test_a_window_of_days_alone_is_the_whole_of_them() -> None:
    (window,) = with_("windows: {freeze: [{days: [fri, sun]}]}\n").freeze
    assert (set(window.days), window.begins_min, window.ends_min) == ({4, 6}, 0, 1440)


def test_days_go_round_the_end_of_the_week() -> None:
    (window,) = with_("windows: {freeze: [{days: fri-mon}]}\n").freeze
    assert window.days == {4, 5, 6, 0}


def test_times_alone_are_every_day() -> None:
    (window,) = with_("windows: {freeze: [{from: 22:00, to: 06:00}]}\n").freeze
    assert len(window.days) == 7


def test_a_date_alone_is_its_whole_day() -> None:
    (window,) = with_("windows: {freeze: [{from: 2025-12-20, to: 2026-01-02, reason: year end}]}\n").freeze
    assert (window.begins, window.ends) == (datetime(2025, 12, 20), datetime(2026, 1, 3))
    assert window.reason == "year end"


def test_a_date_with_a_time_is_that_moment() -> None:
    (window,) = with_('windows: {freeze: [{from: "2025-12-20 18:00", to: "2025-12-21 06:00"}]}\n').freeze
    assert (window.begins, window.ends) == (datetime(2025, 12, 20, 18), datetime(2025, 12, 21, 6))


def test_an_entry_may_have_a_zone_of_its_own() -> None:
    launch = with_("windows: {zone: UTC, launch: [{days: mon, zone: Asia/Tokyo}, {days: tue}]}\n").launch
    assert [window.zone for window in launch] == ["Asia/Tokyo", "UTC"]


def test_a_plan_says_who_is_called_and_when() -> None:
    ladder = with_('escalation: [{after: 5m, call: "payments on call"}, {after: 15m, call: carl}]\n').escalation
    assert ladder == (Rung(300.0, "payments on call"), Rung(900.0, "carl"))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            "authority: {halt: {users: [a]}}\n",
            "authority.halt: everyone may always use halt: a plan cannot restrict it; remove it",
        ),
        (
            "authority: {rollback: {users: [a]}}\n",
            "authority.rollback: everyone may always use rollback: a plan cannot restrict it; remove it",
        ),
        ("authority: {promot: {users: [a]}}\n", "authority.promot: unknown key 'promot'; did you mean 'promote'?"),
        (
            "authority: {promote: ana}\n",
            "authority.promote: must be a mapping of keys to values, found 'ana'",
        ),
        (
            "authority: {promote: {owners: false}}\n",
            "authority.promote: names no person; write {users: [ana]}, {groups: [sre]} or {owners: true}, "
            "or remove it to allow everyone",
        ),
        (
            "windows: {zone: Europe/Berln}\n",
            "windows.zone: unknown time zone 'Europe/Berln'; did you mean 'Europe/Berlin'?",
        ),
        (
            "windows: {zone: ../../etc/passwd}\n",
            "windows.zone: unknown time zone '../../etc/passwd'; write one like Europe/Berlin or UTC",
        ),
        (
            "windows: {launch: [{from: 10:00}]}\n",
            "windows.launch[0]: a window needs days, or from and to; "
            "write {days: fri}, or {from: 2026-01-05, to: 2026-01-06}",
        ),
        (
            "windows: {launch: [{from: 2026-01-05, to: 10:00}]}\n",
            "windows.launch[0].to: from is a date, so to must be one too",
        ),
        (
            "windows: {freeze: [{from: 2026-01-05, to: 2026-01-04}]}\n",
            "windows.freeze[0].to: must be after from, found '2026-01-04'",
        ),
        (
            "windows: {freeze: [{days: fry}]}\n",
            "windows.freeze[0].days: must be days of the week, found 'fry'; write fri, mon-thu or [mon, wed]",
        ),
        (
            "windows: {freeze: [{days: fri, from: 2026-01-01}]}\n",
            "windows.freeze[0].from: a window of days takes times of day, not dates; write 09:00, or remove days",
        ),
        (
            "windows: {freeze: [{days: fri, from: 25:00}]}\n",
            "windows.freeze[0].from: must be a time of day from 00:00 to 24:00, found '25:00'",
        ),
        (
            "windows: {freeze: [{from: 2026-02-30, to: 2026-03-01}]}\n",
            "windows.freeze[0].from: is not a date of the calendar, found '2026-02-30'",
        ),
        ("windows: {freeze: []}\n", "windows.freeze: must not be empty"),
        (
            "escalation: [{after: 5m, call: x}, {after: 4m, call: y}]\n",
            "escalation[1].after: must be later than the rung before it, found '4m'",
        ),
        ("escalation: [{after: 5m}]\n", "escalation[0].call: required key 'call' is missing"),
    ],
)
def test_one_fault_is_one_problem_at_its_line(more: str, message: str) -> None:
    assert told(more) == [message]


def test_approvals_are_a_small_number() -> None:
    text = CHECKOUT.replace("name: smoke, ", "name: smoke, approvals: 10, ", 1)
    with pytest.raises(PlanError, match=r"stages\[0\].approvals: .* 9"):
        parse(text, "plan.yaml")


def test_a_group_that_this_host_lacks_is_worth_a_warning() -> None:
    plan = with_("authority: {promote: {groups: [no-such-group]}}\n")
    assert "authority: promote is for group no-such-group, which this host does not have" in warnings(plan)


def test_windows_without_a_zone_are_worth_a_warning() -> None:
    assert "windows: without a zone their times are UTC" in warnings(with_("windows: {freeze: [{days: fri}]}\n"))


def test_an_authority_of_owners_without_an_owner_is_worth_a_warning() -> None:
    plan = with_("authority: {promote: {owners: true}}\n")
    assert all(stage.team is None for stage in plan.stages[:1])
    assert "stage smoke: promote is for its team's owner, but it has none" in warnings(plan)
