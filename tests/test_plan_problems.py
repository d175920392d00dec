"""Plans that are not valid: every fault is told at once, at its line, with the name that was probably meant."""

from __future__ import annotations

import re

import pytest

from adapters import registry
from adapters.contract import ArmLabels
from console.plan.loader import PlanError, parse
from console.plan.nouns import Role
from tests.plan_rig import CHECKOUT, edited, line_of, plan, problems, said, table


def test_every_fault_is_told_at_once_in_the_order_of_the_file() -> None:
    text = edited(
        ("risk: high", "risk: hihg"),
        ("{api: 1}", "{apii: 1}"),
        ("bake: 5m", "bake: 10:30"),
        ("tolerance:", "tolerence:"),
        ("needs: [flag-off]", "needs: [flag-of]"),
    )
    assert [(problem.line, problem.path) for problem in problems(text)] == [
        (line_of(text, "hihg"), "risk"),
        (line_of(text, "tolerence"), "metrics.errors.tolerence"),
        (line_of(text, "apii"), "stages[0].bake"),
        (line_of(text, "apii"), "stages[0].set.apii"),
        (line_of(text, "flag-of]"), "rollback[1].needs[0]"),
    ]


def test_a_problem_is_one_line_with_its_place_and_what_was_meant() -> None:
    text = edited(("{api: 1}", "{apii: 1}"))
    (problem,) = problems(text)
    at = line_of(text, "apii")
    assert str(problem) == f"plan.yaml:{at}: stages[0].set.apii: unknown target 'apii'; did you mean 'api'?"


def test_a_problem_keeps_its_parts_apart() -> None:
    (problem,) = problems(edited(("{api: 1}", "{apii: 1}")))
    assert (problem.file, problem.path, problem.found) == ("plan.yaml", "stages[0].set.apii", "'apii'")
    assert (problem.message, problem.hint) == ("unknown target 'apii'", "did you mean 'api'?")


def first_difference(text: str) -> int:
    """The 1-based line on which an edited plan departs from the checkout plan."""
    pairs = zip(CHECKOUT.split("\n"), text.split("\n"), strict=False)
    return next(number for number, (was, now) in enumerate(pairs, 1) if was != now)


@pytest.mark.parametrize(("old", "new", "message"), table("faults.txt"))
def test_one_fault_is_one_problem_at_its_line(old: str, new: str, message: str) -> None:
    text = edited((old, new))
    lines = {"smoke": line_of(CHECKOUT, "smoke"), "traffic": line_of(CHECKOUT, "id: traffic")}
    (problem,) = problems(text)
    assert str(problem).split(": ", 1)[1] == re.sub(r"<(\w+)>", lambda name: str(lines[name[1]]), message)
    if new and not problem.message.startswith("required key"):
        assert problem.line == first_difference(text)


def test_a_missing_query_is_told_with_its_shape() -> None:
    lines = said(("    value: '", "    # value: '"))
    assert lines == ["metrics.memory.value: required key 'value' is missing: shape gauge needs it"]


ARMS = "    arms: {label: version, canary: canary, baseline: stable}\n"


def test_a_metric_with_a_limit_can_say_that_it_has_no_baseline() -> None:
    assert plan((ARMS, "    arms: none\n")).metrics["errors"].query.arms is None


def test_without_a_baseline_and_without_a_limit_nothing_can_be_judged() -> None:
    assert said((ARMS, "    arms: none\n"), ("    limit: 5%\n", "")) == [
        "metrics.errors.arms: without a baseline only a limit can be judged, found 'none'; "
        "give a limit, or name the arms"
    ]


def test_a_metric_that_is_only_shown_needs_neither() -> None:
    shown = plan((ARMS, "    arms: none\n"), ("    limit: 5%\n", ""), ("    role: critical\n", "    role: info\n"))
    assert shown.metrics["errors"].role is Role.INFO


def test_arms_can_be_the_versions_of_a_target() -> None:
    errors = plan((ARMS, "    arms: {label: hash, of: api}\n")).metrics["errors"]
    assert errors.query.arms == ArmLabels("hash", "", "", of="api")


@pytest.mark.parametrize(
    ("arms", "line"),
    [
        ("{label: hash, of: apo}", "arms.of: unknown target 'apo'; did you mean 'api'?"),
        (
            "{label: hash, of: api, canary: v2}",
            "arms.canary: of takes the values from the versions of api, so canary is not allowed; remove it",
        ),
        ("{label: hash, canary: v2}", "arms.baseline: required key 'baseline' is missing"),
        ("nothing", "arms: must be a mapping of keys to values, found 'nothing'"),
    ],
)
def test_arms_that_do_not_fit_are_named(arms: str, line: str) -> None:
    assert said((ARMS, f"    arms: {arms}\n")) == [f"metrics.errors.{line}"]


def test_arms_are_needed_to_tell_two_series_apart() -> None:
    (line,) = said(("    arms: {label: version, canary: canary, baseline: stable}\n", ""))
    assert line.startswith("metrics.errors.arms: required key 'arms' is missing")


def test_a_section_of_the_wrong_kind_is_one_problem_each() -> None:
    text = "warroom: 1\nrollout: x\nbackends: []\ntargets: [a]\nstages: {a: b}\nmetrics: 5\nteams: x\nrollback: {}\n"
    assert [problem.path for problem in problems(text)] == [
        "backends",
        "targets",
        "stages",
        "metrics",
        "teams",
        "rollback",
    ]


def test_one_entrys_wrong_value_does_not_hide_its_other_faults() -> None:
    lines = said(("{name: five, set: {api: 5}, bake: 10m}", "{name: -, set: {apii: 500}, bake: soon, team: none}"))
    paths = [line.split(":")[0] for line in lines]
    assert paths == ["stages[1].name", "stages[1].set.apii", "stages[1].bake", "stages[1].team"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{env: UNLEASH_TOKEN}", "s3cr3t"),
        ("{env: UNLEASH_TOKEN}", "[s3cr3t]"),
        ("{env: UNLEASH_TOKEN}", "{env: 's3cr3t=='}"),
        ("{env: UNLEASH_TOKEN}", "{env: X, value: s3cr3t}"),
        ("{env: UNLEASH_TOKEN}", "{env: [s3cr3t]}"),
        ("{env: UNLEASH_TOKEN}", '"s3cr3t\\e"'),
        ("    token: {env: UNLEASH_TOKEN}", "    api_token: s3cr3t"),
        ("http://prometheus", "http://me:s3cr3t@prometheus"),
        ("http://prometheus", "ftp://s3cr3t@prometheus"),
        ("{env: UNLEASH_TOKEN}", "s3cr3t: s3cr3t"),
        ("{env: UNLEASH_TOKEN}", "@s3cr3t"),
    ],
)
def test_a_literal_secret_is_refused_and_never_repeated(old: str, new: str) -> None:
    lines = said((old, new))
    assert lines
    assert "s3cr3t" not in "\n".join(lines)


def test_a_literal_secret_is_told_what_to_write_instead() -> None:
    (line,) = said(("{env: UNLEASH_TOKEN}", "abc"))
    assert line == "backends.flags.token: write {env: NAME} or {file: PATH}: a plan never holds a secret"


def test_an_adapter_that_does_not_load_is_a_problem_of_the_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.BUILT_IN, "haproxy", "adapters.no_such_module")
    assert said(("risk: high", "risk: low")) == [
        "backends.edge.adapter: adapter 'haproxy' does not load: No module named 'adapters.no_such_module'"
    ]


def test_the_whole_error_is_its_problems_a_line_each() -> None:
    with pytest.raises(PlanError) as caught:
        parse(edited(("risk: high", "risk: x"), ("title: C", "titel: C")), "plan.yaml")
    assert str(caught.value).split("\n") == [str(problem) for problem in caught.value.problems]
    assert len(caught.value.problems) == 2


def test_a_target_is_set_by_one_rollback_step_only() -> None:
    (line,) = said(("{id: traffic, set: {api: 0}", "{id: traffic, set: {api: 0, flag: 0}"))
    first = line_of(CHECKOUT, "id: flag-off")
    assert line == (
        f"rollback[1].set.flag: target 'flag' is set by two rollback steps, first on line {first}; set it once"
    )
