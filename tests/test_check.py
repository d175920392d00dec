"""`warroom check`: what each bake can and cannot find, from the plan's figures or from the last hour."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from console.cli import main
from tests.prometheus_fake import Fake, Series, counter, prometheus

Capture = pytest.CaptureFixture[str]

PLAN = """\
warroom: 1
rollout: reach
backends:
  edge: {adapter: embedded}
  prom: {adapter: prometheus, url: "http://127.0.0.1:1"}
targets: {api: {backend: edge, kind: deploy}}
metrics:
  errors:
    backend: prom
    bad: 'errors{code="500"}'
    total: requests
    arms: {label: version, canary: v2, baseline: v1}
    traffic: {rate: 400/s, bad: 0.1%}
stages:
  - {name: smoke, set: {api: 1}, bake: 5m}
  - {name: ten, set: {api: 10}, bake: 30m}
  - {name: full, set: {api: 100}, bake: 10m}
"""


@dataclass
class Checked:
    code: int
    out: str
    err: str

    @property
    def warnings(self) -> list[str]:
        return [line.removeprefix("warning: ") for line in self.out.splitlines() if line.startswith("warning: ")]

    def stage(self, name: str) -> str:
        return next(line for line in self.out.splitlines() if line.startswith(f"  stage {name}: "))


class Desk:
    """A plan and the command run over it."""

    def __init__(self, folder: Path, capsys: Capture) -> None:
        self.file = folder / "plan.yaml"
        self._capsys = capsys

    def check(self, *edits: tuple[str, str], live: str | None = None) -> Checked:
        text = PLAN
        for old, new in (*edits, *([("http://127.0.0.1:1", live)] if live is not None else [])):
            assert old in text, old
            text = text.replace(old, new, 1)
        self.file.write_text(text, encoding="utf-8")
        code = main(["check", str(self.file), *(["--live"] if live is not None else [])])
        return Checked(code, *self._capsys.readouterr())


@pytest.fixture
def desk(tmp_path: Path, capsys: Capture) -> Desk:
    return Desk(tmp_path, capsys)


# -- from the plan's figures -------------------------------------------------------------------------------------------


def test_each_stage_says_what_its_bake_finds_and_what_not(desk: Desk) -> None:
    checked = desk.check()
    assert checked.code == 0
    assert "errors: 400 req/s, 0.1 % bad" in checked.out.splitlines()
    said = r"  stage smoke: 5 min at 1 % \(4 req/s\) finds \d+x, not \d+x; 2x needs \d+ (min|h) or \d+ %"
    assert re.fullmatch(said, checked.stage("smoke")), checked.stage("smoke")


def test_the_page_shows_what_is_said(desk: Desk) -> None:
    page = (Path(__file__).parent.parent / "docs" / "plan.md").read_text(encoding="utf-8")
    shown = next(line for line in page.splitlines() if "stage smoke: 5 min" in line)
    assert re.sub(r"\d+", "N", shown.strip()) == re.sub(r"\d+", "N", desk.check().stage("smoke").strip())


def test_the_advice_holds_where_it_is_followed(desk: Desk) -> None:
    first = desk.check().stage("smoke")
    time, weight = re.findall(r"2x needs (\d+) min or (\d+) %", first)[0]
    longer = desk.check(("bake: 5m", f"bake: {time}m")).stage("smoke")
    heavier = desk.check(("set: {api: 1}", f"set: {{api: {weight}}}")).stage("smoke")
    assert "finds 2x" in longer
    assert "finds 2x" in heavier


def test_a_bake_that_finds_what_was_asked_says_no_more(desk: Desk) -> None:
    assert desk.check(("bake: 5m", "bake: 9h")).stage("smoke").endswith("finds 2x, not 1.5x")


def test_without_traffic_in_the_plan_there_is_nothing_to_reckon_with(desk: Desk) -> None:
    checked = desk.check(("    traffic: {rate: 400/s, bad: 0.1%}\n", ""))
    assert checked.out == f"{desk.file}: ok (reach: 3 stages, 1 target, 1 metric)\n"


def test_at_100_percent_only_the_limit_can_fail(desk: Desk) -> None:
    assert desk.check().stage("full").endswith("100 %: no baseline: only the limit can fail, and errors has none")
    limited = desk.check(("    traffic", "    limit: 5%\n    traffic"))
    assert limited.stage("full").endswith("100 %: no baseline: only the limit can fail (5 %)")


def test_an_excess_below_min_excess_is_never_called(desk: Desk) -> None:
    checked = desk.check(("    traffic", "    min_excess: 0.2%\n    traffic"))
    assert checked.stage("smoke").endswith("; 2x is less than 0.2 % more: too little to fail")


def test_warm_up_is_not_time_to_find_anything_in(desk: Desk) -> None:
    checked = desk.check(("    traffic", "    warmup: 2m\n    traffic"))
    assert "5 min, 2 min of it warm-up, at 1 %" in checked.stage("smoke")
    assert "all of it warm-up" in desk.check(("    traffic", "    warmup: 5m\n    traffic")).stage("smoke")


def test_no_errors_foretell_no_ratio(desk: Desk) -> None:
    checked = desk.check(("bad: 0.1%}", "bad: 0%}"))
    assert checked.stage("smoke").endswith("no bad events, so no ratio can be predicted")


def test_more_errors_than_there_are_requests_cannot_be(desk: Desk) -> None:
    assert desk.check(("bad: 0.1%}", "bad: 80%}")).stage("smoke").endswith("with 80 % bad no ratio is left to find")


def test_stages_carry_forward_what_earlier_ones_set(desk: Desk) -> None:
    twin = ("targets: {", "targets: {web: {backend: edge, kind: deploy}, ")
    checked = desk.check(twin, ("set: {api: 10}", "set: {web: 10}"))
    assert "30 min at 1 %, the smallest of up to 10 % (4 req/s)" in checked.stage("ten")


def test_flags_count_only_where_there_are_no_deploys(desk: Desk) -> None:
    checked = desk.check(("kind: deploy", "kind: flag"))
    assert "at 10 % (40 req/s)" in checked.stage("ten")


def test_a_manual_step_without_a_bake_finds_nothing_and_is_not_listed(desk: Desk) -> None:
    checked = desk.check(("  - {name: full", '  - {name: migrate, manual: "run it"}\n  - {name: full'))
    assert "stage migrate" not in checked.out


def test_a_canary_without_traffic_finds_nothing(desk: Desk) -> None:
    assert desk.check(("set: {api: 1}", "set: {api: 0}")).stage("smoke").endswith("nothing is exposed: not judged")


def test_a_metric_without_arms_has_only_its_limit(desk: Desk) -> None:
    checked = desk.check(("arms: {label: version, canary: v2, baseline: v1}", "arms: none\n    limit: 5%"))
    assert checked.stage("smoke") == "  stage smoke: no baseline: only the limit can fail (5 %)"


def test_a_step_of_the_backends_own_is_not_reckoned_with(desk: Desk) -> None:
    argo = [("edge: {adapter: embedded}", "edge: {adapter: argo-rollouts, namespace: shop}"), (", kind: deploy", "")]
    checked = desk.check(*argo, ("set: {api: 1}", "set: {api: step 2}"))
    assert checked.stage("smoke").endswith("only api knows the share of its step")
    taken = PLAN[PLAN.index("stages:") :]
    assert "stages: api's own, known once it is read" in desk.check(*argo, (taken, "stages: {from: api}\n")).out


def test_a_falling_counter_is_told_as_what_is_left(desk: Desk) -> None:
    orders = [("    bad: 'errors", "    worse: lower\n    events: 'errors"), ("bad: 0.1%}", "bad: 10%}")]
    assert re.search(r"finds 0\.\d+x, not 0\.\d+x", desk.check(*orders, ("bake: 30m", "bake: 10m")).stage("ten"))


def test_a_histogram_stands_by_its_p90_and_p99(desk: Desk) -> None:
    shape = ("    bad: 'errors{code=\"500\"}'\n    total: requests", "    shape: histogram\n    buckets: d_bucket")
    lines = desk.check(shape).out.splitlines()
    assert "errors: 400 req/s, 10 % slower than its p90" in lines
    assert "errors: 400 req/s, 1 % slower than its p99" in lines


def test_a_gauge_is_told_in_words(desk: Desk) -> None:
    shape = ("    bad: 'errors{code=\"500\"}'\n    total: requests", "    shape: gauge\n    value: cpu")
    more = "  other: {backend: edge, traffic: {rate: 1/s}}\nstages:"
    checked = desk.check(shape, ("stages:", more))
    assert "errors: a gauge; judged in blocks of 60 s or more, so it takes 8 min or more to fail or pass" in checked.out


def test_a_bake_in_which_no_healthy_canary_passes_is_warned_of(desk: Desk) -> None:
    checked = desk.check()
    assert len(checked.warnings) == 1
    assert re.fullmatch(
        r"stage smoke: a healthy canary needs \d+ min to pass errors, the bake is 5 min", checked.warnings[0]
    )


@pytest.mark.parametrize("role", ["guard", "info"])
def test_only_a_critical_metric_must_pass(desk: Desk, role: str) -> None:
    checked = desk.check(("    traffic", f"    role: {role}\n    traffic"))
    assert [line for line in checked.warnings if "healthy canary" in line] == []


def test_min_requests_may_be_what_a_pass_waits_for(desk: Desk) -> None:
    wide = ("set: {api: 10}, bake: 30m", "set: {api: 10}, bake: 30m, min_requests: 100000")
    assert "stage ten: a healthy canary needs 42 min to pass errors, the bake is 30 min" in desk.check(wide).warnings


def test_a_trickle_that_never_tells_is_said_so(desk: Desk) -> None:
    checked = desk.check(("rate: 400/s", "rate: 1/h"))
    assert "stage smoke: errors cannot pass at this traffic, however long it bakes (bake 5 min)" in checked.warnings
    assert checked.stage("smoke").endswith("2x cannot be found at this traffic")


# -- from the last hour ------------------------------------------------------------------------------------------------


def arms(rate: float, bad: float = 0.0, *, canary: float = 0.0) -> dict[str, list[Series]]:
    """Requests and errors of a baseline, and of a canary that gets `canary` requests a second."""
    made: dict[str, list[Series]] = {
        "requests": [({"version": "v1"}, counter(rate))],
        'errors{code="500"}': [({"version": "v1"}, counter(rate * bad))],
    }
    if canary:
        made["requests"].append(({"version": "v2"}, counter(canary)))
    return made


def test_the_last_hour_takes_the_place_of_the_plans_figures(desk: Desk) -> None:
    with prometheus(Fake(arms(200, 0.01))) as fake:
        checked = desk.check(live=fake.url)
    assert checked.code == 0
    assert re.search(r"errors: (199|200) req/s, 1 % bad", checked.out)
    assert "at 1 % (2 req/s)" in checked.stage("smoke")
    assert "only the baseline has data, as before a rollout; scraped every 10 s, so ticks of 10 s" in checked.out
    assert "metric errors: the plan expects 400 req/s, the last hour had 200 req/s" not in checked.warnings


def test_traffic_that_is_far_from_the_plans_is_told(desk: Desk) -> None:
    with prometheus(Fake(arms(20, 0.01))) as fake:
        checked = desk.check(live=fake.url)
    assert "metric errors: the plan expects 400 req/s, the last hour had 20 req/s" in checked.warnings


def test_both_arms_are_told_and_a_longer_scrape_interval_makes_longer_ticks(desk: Desk) -> None:
    with prometheus(Fake(arms(400, 0.01, canary=20), spacing_s=15)) as fake:
        checked = desk.check(live=fake.url)
    assert "both arms have data; scraped every 15 s, so ticks of 20 s" in checked.out
    assert re.search(r"errors: 4[12]\d req/s, 1 % bad", checked.out)


def test_a_selector_that_matches_nothing_is_told(desk: Desk) -> None:
    with prometheus(Fake({"requests": arms(400)["requests"]})) as fake:
        checked = desk.check(live=fake.url)
    told = 'matched no series within the hour, so it always reads as zero: errors{code="500"}'
    assert f"metric errors: its bad selector {told}" in checked.warnings


def test_a_selector_whose_series_lack_the_arms_label_is_told(desk: Desk) -> None:
    lost: dict[str, list[Series]] = {**arms(400), 'errors{code="500"}': [({"code": "500"}, counter(1))]}
    with prometheus(Fake(lost)) as fake:
        checked = desk.check(live=fake.url)
    assert any("matched series without the label version of the arms" in line for line in checked.warnings)


def test_a_selector_that_matches_and_counts_nothing_is_fine(desk: Desk) -> None:
    with prometheus(Fake(arms(400))) as fake:
        checked = desk.check(live=fake.url)
    assert not any("selector" in line for line in checked.warnings)
    assert "no bad events, so no ratio can be predicted" in checked.stage("smoke")


def test_a_metric_without_any_data_is_told(desk: Desk) -> None:
    with prometheus(Fake()) as fake:
        checked = desk.check(live=fake.url)
    assert any(line.startswith("metric errors: no data within the hour") for line in checked.warnings)


def test_exchanged_arms_are_told(desk: Desk) -> None:
    with prometheus(Fake(arms(400, 0.01))) as fake:
        checked = desk.check(("canary: v2, baseline: v1", "canary: v1, baseline: v2"), live=fake.url)
    assert (
        "metric errors: only the canary has data within the hour: check that the arms' values are not exchanged"
        in checked.warnings
    )


def test_a_plans_tick_below_the_scrape_interval_is_told(desk: Desk) -> None:
    with prometheus(Fake(arms(400, 0.01), spacing_s=30)) as fake:
        checked = desk.check(("stages:", "timing: {tick: 10s}\nstages:"), live=fake.url)
    assert "metric errors: scraped every 30 s, but the plan's tick is 10 s: gaps" in checked.warnings


def test_a_backend_that_is_down_is_one_line_and_exit_3(desk: Desk) -> None:
    checked = desk.check(live="http://127.0.0.1:1")
    assert checked.code == 3
    assert checked.err == "warroom: prom: connection refused at 127.0.0.1:1\n"


@pytest.mark.parametrize("status", [401, 403, 500])
def test_a_backend_that_says_no_is_one_line_and_exit_3(desk: Desk, status: int) -> None:
    with prometheus(Fake(status=status)) as fake:
        checked = desk.check(live=fake.url)
    assert checked.code == 3
    assert checked.err.startswith("warroom: prom: ")
    assert checked.err.count("\n") == 1


def test_a_token_that_is_not_set_is_exit_2(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROM_TOKEN", raising=False)
    checked = desk.check(('url: "', 'token: {env: PROM_TOKEN}, url: "'), live="http://127.0.0.1:1")
    assert checked.code == 2
    assert "PROM_TOKEN" in checked.err


def test_backends_that_only_take_weights_are_not_touched(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLAGS_TOKEN", raising=False)
    flags = '  flags: {adapter: unleash, url: "http://127.0.0.1:2", environment: e, token: {env: FLAGS_TOKEN}}\n  prom:'
    with prometheus(Fake(arms(400, 0.01))) as fake:
        checked = desk.check(("  prom:", flags), live=fake.url)
    assert (checked.code, checked.err) == (0, "")
