"""PromQL as far as checks use it: read into a tree, written back, and never guessed at."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.manifests.promql.reader import UnreadableQuery, UnsupportedQuery, parse_query
from console.manifests.promql.tree import selectors


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("up", "up"),
        ('up{job="a", env!~"b.*",}', 'up{job="a",env!~"b.*"}'),
        ("{job='a'}", '{job="a"}'),
        ('{"http.requests", code=~"5.."}', '{__name__="http.requests",code=~"5.."}'),
        ("sum(rate(a[5m]))", "sum(rate(a[5m]))"),
        ("sum(rate(a[5m])) by (le, x)", "sum by (le, x) (rate(a[5m]))"),
        ("sum by () (a)", "sum by () (a)"),
        ("avg without (pod) (a)", "avg without (pod) (a)"),
        ("a / b * 100", "(a / b) * 100"),
        ("a - b - c", "(a - b) - c"),
        ("2 ^ 3 ^ 2", "2 ^ (3 ^ 2)"),
        ("-a", "-1 * a"),
        ("-5 + +a", "-5 + a"),
        ("a or vector(0)", "a or vector(0)"),
        ("a and on (x) b", "a and on (x) b"),
        ("a / on (x) group_left (y) b", "a / on (x) group_left (y) b"),
        ("a > bool 1", "a > bool 1"),
        ("rate(a[5m] offset 1h)", "rate(a[5m] offset 1h)"),
        ("a offset -5m", "a offset -5m"),
        ("histogram_quantile(0.99, sum(rate(a_bucket[1m])) by (le))",
         "histogram_quantile(0.99, sum by (le) (rate(a_bucket[1m])))"),
        ("topk(5, a)", "topk(5, a)"),
        ("sum # the lot\n(a)", "sum(a)"),
        ("1h30m_requests", None),
        ("0x1F + .5e1", "31 + 5"),
        ('label_replace(a, "x", "$1", "y", "(.*)")', 'label_replace(a, "x", "$1", "y", "(.*)")'),
    ],
)  # fmt: skip
def test_a_query_is_read_and_written_back(text: str, same: str | None) -> None:
    if same is None:
        with pytest.raises(UnreadableQuery):
            parse_query(text)
        return
    assert str(parse_query(text)) == same
    assert str(parse_query(same)) == same


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('a{b~"c"}', "not PromQL from '~"),
        ("sum(a", "')' expected, found its end"),
        ("a b", "not PromQL from 'b' on"),
        ("a{b=c}", "text in quotes expected, found 'c'"),
        ("rate(a)[5m]", "a range stands behind something that is no selector"),
        ("", "a metric or a function expected, found its end"),
        ("(" * 200 + "a" + ")" * 200, "nested too deeply"),
        ("a" * 10_001, "longer than 10000 characters"),
    ],
)
def test_what_is_no_promql_is_said_to_be_none(text: str, why: str) -> None:
    with pytest.raises(UnreadableQuery) as caught:
        parse_query(text)
    assert why in str(caught.value)
    assert not isinstance(caught.value, UnsupportedQuery)


@pytest.mark.parametrize("text", ["max_over_time(a[1h:5m])", "a @ end()"])
def test_what_is_promql_and_not_read_here_is_told_apart(text: str) -> None:
    with pytest.raises(UnsupportedQuery):
        parse_query(text)


def test_strings_mean_what_they_mean_in_prometheus() -> None:
    (found,) = selectors(parse_query(r"""a{b="\"\\\x41\n", c='\'', d=`\n`}"""))
    assert [one.value for one in found.matchers] == ['"\\A\n', "'", "\\n"]


@given(st.text(max_size=60))
def test_no_text_is_too_odd_to_be_refused(text: str) -> None:
    try:
        written = str(parse_query(text))
    except UnreadableQuery:
        return
    assert str(parse_query(written)) == written


@given(st.text(max_size=40))
def test_any_value_of_a_label_survives_reading_and_writing(value: str) -> None:
    from console.manifests.promql.tree import promql_string

    (found,) = selectors(parse_query(f"a{{b={promql_string(value)}}}"))
    assert found.matchers[0].value == value
