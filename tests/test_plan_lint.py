"""Advice about plans that are valid."""

from __future__ import annotations

import pytest

from console.plan.loader import parse, warnings
from tests.plan_rig import PLANS, edited, table


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNLEASH_TOKEN", "x")


def advice(*edits: tuple[str, str]) -> tuple[str, ...]:
    return warnings(parse(edited(*edits), "plan.yaml"))


@pytest.mark.parametrize("name", ["checkout.yaml", "embedded.yaml"])
def test_a_good_plan_needs_no_advice(name: str) -> None:
    assert warnings(parse((PLANS / name).read_text(encoding="utf-8"), name)) == ()


def test_a_secret_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UNLEASH_TOKEN")
    assert advice() == ("backends.flags.token: environment variable UNLEASH_TOKEN is not set",)


def test_a_secrets_file_that_cannot_be_read_is_named() -> None:
    lines = advice(("{env: UNLEASH_TOKEN}", "{file: /nowhere/token}"))
    assert lines == ("backends.flags.token: file /nowhere/token cannot be read",)


def test_a_plan_without_critical_metrics_says_so_first() -> None:
    lines = advice(("role: critical", "role: info"), (", min_requests: 200", ""))
    assert lines == ("NO METRICS: no metric is critical, so promote has no verdict gate",)


@pytest.mark.parametrize(("old", "new", "line"), table("advice.txt"))
def test_what_will_surprise_somebody_is_told(old: str, new: str, line: str) -> None:
    assert advice((old, new)) == (line,)


def test_two_targets_on_one_thing_are_told() -> None:
    twin = "  twin: {backend: edge, name: checkout, canary: canary, baseline: stable}\n  flag: {"
    lines = advice(
        ("  flag: {", twin), ("set: {api: 1}", "set: {api: 1, twin: 1}"), ("set: {api: 0}", "set: {api: 0, twin: 0}")
    )
    assert lines == ("targets api and twin: both drive the same object and will undo each other",)


def test_min_requests_without_anything_that_counts_is_told() -> None:
    lines = advice(("role: critical", "role: info"))
    assert lines[1:] == ("stage smoke: min_requests needs a critical metric that counts requests",)


def test_text_that_a_comment_swallows_is_told_with_its_line() -> None:
    text = edited(("title: Checkout v2", "title: Checkout #2"))
    assert warnings(parse(text, "plan.yaml")) == (
        "line 4: the text of title ends at ' #', where a comment begins; put it into quotes",
    )
