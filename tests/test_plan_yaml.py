"""YAML itself: what scalars mean, what is not allowed, and what is said about text that is not YAML."""

from __future__ import annotations

import pytest

from console.plan.document import read
from console.plan.problems import Findings, PlanError
from tests.plan_rig import CHECKOUT, edited, line_of, problems, said, table


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("off", "off"), ("on", "on"), ("yes", "yes"), ("NO", "NO"), ("10:30", "10:30"), ("1_000", "1_000"),
        ("010", 10), ("0o17", 15), ("0x1F", 31), ("0b11", "0b11"), (".5", 0.5), ("1e3", 1000.0), ("1.", 1.0),
        ("~", None), ("", None), ("null", None), ("true", True), ("False", False),
        ("2026-01-01", "2026-01-01"), ("+5", 5), ("'5'", "5"), ("=", "="), ("1.2.3", "1.2.3"),
    ],
)  # fmt: skip
def test_a_scalar_means_what_it_looks_like(written: str, meant: object) -> None:
    value = read(f"key: {written}\n", Findings("plan.yaml")).plain()["key"]
    assert (value, type(value)) == (meant, type(meant))


def test_keys_are_always_text() -> None:
    assert read("{1: a, true: b, 2026-01-01: c}", Findings("plan.yaml")).plain() == {
        "1": "a",
        "true": "b",
        "2026-01-01": "c",
    }


@pytest.mark.parametrize("written", [".inf", "-.INF", ".nan", "1e400"])
def test_a_number_is_finite(written: str) -> None:
    assert said(("tolerance: 1.25x", f"tolerance: {written}")) == [
        f"metrics.errors.tolerance: must be a finite number, found {written}"
    ]


def test_a_repeated_key_names_both_lines() -> None:
    text = edited(("risk: high", "risk: high\nrisk: low"))
    (problem,) = problems(text)
    line = line_of(text, "risk: low")
    assert (
        str(problem) == f"plan.yaml:{line}: risk: key 'risk' is given twice, first on line {line - 1}; keep one of them"
    )


def test_the_yaml_1_1_directive_is_refused() -> None:
    (problem,) = problems("%YAML 1.1\n---\n" + CHECKOUT)
    assert str(problem) == "plan.yaml:1: the directive %YAML 1.1 is not used: a plan is YAML 1.2; remove the line"


@pytest.mark.parametrize("directive", ["%YAML 3.0", "%TAG ! tag:example,2000:", "%YAML 1.1"])
def test_any_directive_but_yaml_1_2_is_refused(directive: str) -> None:
    (problem,) = problems(f"{directive}\n---\n{CHECKOUT}")
    assert "a plan is YAML 1.2" in str(problem)


def test_a_plan_is_one_document() -> None:
    (problem,) = problems(CHECKOUT + "---\n" + CHECKOUT)
    assert problem.line == CHECKOUT.count("\n") + 1
    assert "a second document starts here" in str(problem)


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing yet\n", "---\n", "~\n"])
def test_an_empty_file_says_how_to_start(text: str) -> None:
    (problem,) = problems(text)
    assert str(problem) == "plan.yaml:1: the file is empty; a plan starts with `warroom: 1`"


@pytest.mark.parametrize(("text", "kind"), [("- a\n- b\n", "a list"), ("hello\n", "text"), ("5\n", "a number")])
def test_a_plan_is_a_mapping(text: str, kind: str) -> None:
    (problem,) = problems(text)
    assert problem.message == f"a plan is a mapping of keys to values, not {kind}"


@pytest.mark.parametrize(("old", "new", "message"), table("not_yaml.txt"))
def test_text_that_is_no_yaml_of_ours_is_told_in_plain_words(old: str, new: str, message: str) -> None:
    (problem,) = problems(edited((old, new)))
    started = {"  fast:": "errors:", "min_requests: 200}": "- {name: smoke"}.get(old, old)
    assert str(problem).split(": ", 1)[1] == message.replace("<line>", str(line_of(CHECKOUT, started)))


def test_a_template_left_unfilled_is_not_a_crash() -> None:
    assert said(("title: Checkout v2", "title: {{ title }}"))[0].startswith(
        "title: a key must be plain text; a value that"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('"Checkout \\e[31m"', "title: contains the control character U+001B; remove it: a plan is shown on terminals"),
        (
            '"Checkout \\u202e"',
            "title: contains the invisible character U+202E; remove it: a plan is shown on terminals",
        ),
        ('"Checkout\\tv2"', "title: contains a tab; remove it: a plan is shown on terminals"),
        ('"Checkout\\nv2"', "title: must be one line; write it after >- to fold several lines into one"),
    ],
)
def test_nothing_that_acts_on_a_terminal_gets_in(text: str, message: str) -> None:
    assert said(("title: Checkout v2", f"title: {text}")) == [message]


def test_nothing_that_acts_on_a_terminal_gets_out_by_an_error() -> None:
    text = edited(("risk: high", '"\\e]52;c;x\\a": "\\e[2J"'))
    assert all(line.isprintable() for problem in problems(text) for line in [str(problem)])


@pytest.mark.parametrize("bomb", ["[" * 50_000, "- " * 50_000, "{a: " * 50_000, "? " * 50_000])
def test_a_deep_file_is_refused_at_once(bomb: str) -> None:
    with pytest.raises(PlanError, match="nested too deeply"):
        read("key:\n  " + bomb, Findings("plan.yaml"))


def test_a_file_of_very_many_values_is_refused() -> None:
    with pytest.raises(PlanError, match="more than 20000 values"):
        read("key: [" + "a," * 30_000 + "]", Findings("plan.yaml"))


def test_a_bomb_of_aliases_is_never_unfolded() -> None:
    levels = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    findings = Findings("plan.yaml")
    read("\n".join(["a0: &a0 x", *levels]), findings)
    assert len(findings.problems) == 30 + 29 * 9
