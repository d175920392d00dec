"""`warroom backtest`: a file of samples in, every change of state out, as a live console would have seen it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.backtest_rig import HEADER, PLAN, STAGED, Bench, as_json_lines, at, counts, only, rows, text

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def bench(tmp_path: Path, capsys: Capture) -> Bench:
    return Bench(tmp_path, capsys)


# -- what is found -----------------------------------------------------------------------------------------------------


def test_a_healthy_canary_passes_and_never_fails(bench: Bench) -> None:
    said = bench.run(text(rows(counts(360))))
    assert said.code == 0
    assert said.summary()["first_fail_at"] is None
    assert said.summary()["first_pass_at"] is not None
    assert (said.summary()["ticks"], said.summary()["dirty"]) == (360, 0)


def test_a_regression_is_called_at_the_tick_that_convicts(bench: Bench) -> None:
    said = bench.run(text([*rows(counts(60)), *rows(counts(60, ratio=10), first=60)]))
    failed = next(change for change in said.changes if change["state"] == "fail")
    assert said.summary()["first_fail_at"] == failed["at"]
    assert "2026-03-02T12:10:00Z" <= failed["at"] <= "2026-03-02T12:12:00Z"
    assert failed["evidence"] >= 100
    assert failed["low"] < failed["ratio"] < failed["high"]


def test_the_golden_vector_fails_at_its_third_tick(bench: Bench) -> None:
    """judge.md 3.7, first row, but for phi0: without history that is 1.5, so that it takes longer."""
    said = bench.run(text(rows([(1, 100, 0, 9900)] * 12)))
    assert said.summary()["first_fail_at"] == "2026-03-02T12:00:30Z"


def test_a_stage_starts_with_warming_up(bench: Bench) -> None:
    assert bench.run(text(rows(counts(30)))).states()[0] == ("12:00:00", "unsure WARMING UP")


def test_a_gauge_is_judged_by_its_values(bench: Bench) -> None:
    lines = [f"{at(n)},load,{arm},{50 * more}\n" for n in range(90) for arm, more in (("canary", 2), ("baseline", 1))]
    said = bench.run(text(lines, "at,metric,arm,value\n"))
    assert said.summary("load")["first_fail_at"] is not None
    assert said.summary("load")["ticks"] == 90


def test_a_histogram_of_the_plan_is_given_as_total_and_bad(bench: Bench) -> None:
    said = bench.run(text(rows(counts(120, ratio=8), metric="slow")))
    assert said.summary("slow")["first_fail_at"] is not None


def test_metrics_the_file_does_not_mention_are_in_the_summary_with_nulls(bench: Bench) -> None:
    said = bench.run(text(rows(counts(30))))
    assert list(said.objects[-1]) == ["summary"]
    assert said.summary("load") == {"first_fail_at": None, "first_pass_at": None, "ticks": 0, "dirty": 0}
    assert "load: not in the file" in said.err


def test_guards_are_judged_on_their_own_as_critical_metrics_are(bench: Bench) -> None:
    both = [*rows(counts(120, ratio=8)), *rows(counts(120, ratio=8), metric="slow")]
    said = bench.run(text(both))
    assert said.summary("slow") == said.summary("errors")


# -- stages ------------------------------------------------------------------------------------------------------------


def test_a_file_without_stages_is_the_first_stage_of_the_plan(bench: Bench) -> None:
    assert {change["stage"] for change in bench.run(text(rows(counts(60)))).changes} == {"smoke"}


def test_rows_without_a_stage_are_history_and_not_judged(bench: Bench) -> None:
    lines = [*rows(counts(60, seed=7), stage=""), *rows(counts(60), first=60, stage="smoke")]
    said = bench.run(text(lines, STAGED))
    assert said.summary()["ticks"] == 60
    assert said.changes[0]["at"] == "2026-03-02T12:10:00Z"


def test_a_stage_that_exposes_nothing_yet_is_history_too(bench: Bench) -> None:
    bench.plan(PLAN.replace("stages:\n", 'stages:\n  - {name: prepare, manual: "run it"}\n'))
    lines = [*rows(counts(60, seed=7), stage="prepare"), *rows(counts(60), first=60, stage="smoke")]
    blank = [*rows(counts(60, seed=7), stage=""), *rows(counts(60), first=60, stage="smoke")]
    assert bench.run(text(lines, STAGED)).out == bench.run(text(blank, STAGED)).out


def test_bursts_in_the_history_make_the_judge_more_careful(bench: Bench) -> None:
    burst = [(0.0, 50.0, 40.0 if n % 10 == 0 else 0.0, 450.0) for n in range(60)]
    calm = [(0.0, 50.0, 4.0, 450.0) for n in range(60)]
    regression = rows(counts(60, ratio=5), first=60, stage="smoke")
    found = [
        bench.run(text([*rows(history, stage=""), *regression], STAGED)).summary()["first_fail_at"]
        for history in (burst, calm)
    ]
    assert found[0] > found[1]


def test_each_stage_begins_with_its_own_line_and_passes_anew(bench: Bench) -> None:
    lines = [*rows(counts(200), stage="smoke"), *rows(counts(200, seed=2), first=200, stage="ten")]
    said = bench.run(text(lines, STAGED))
    first = next(change for change in said.changes if change["stage"] == "ten")
    assert (first["at"], first["detail"]) == ("2026-03-02T12:33:20Z", "WARMING UP")


def test_at_100_percent_the_canary_is_alone_and_only_its_limit_can_fail(bench: Bench) -> None:
    bench.plan(PLAN.replace("min_excess: 0}", "min_excess: 0, limit: 2%}", 1))
    lines = only(rows([(50.0, 500.0, 0.0, 0.0)] * 60, stage="full"), "canary")
    said = bench.run(text(lines, STAGED))
    failed = next(change for change in said.changes if change["state"] == "fail")
    assert failed["ratio"] is None
    assert "limit of 2 %" in failed["reason"]


def test_a_metric_without_arms_by_plan_is_judged_by_its_limit_alone(bench: Bench) -> None:
    lone = PLAN.replace("min_excess: 0}", "min_excess: 0, arms: none, limit: 2%}", 1)
    lines = only(rows([(50.0, 500.0, 0.0, 0.0)] * 60), "canary")
    bench.plan(lone)
    assert bench.run(text(lines)).summary()["first_fail_at"] is not None
    bench.plan(lone.replace("arms: none, ", ""))
    said = bench.run(text(lines))
    assert (said.summary()["first_fail_at"], said.summary()["ticks"]) == (None, 0)


def test_stages_that_are_a_backends_own_are_one_stage_here(bench: Bench) -> None:
    plan = PLAN.replace("edge: {adapter: embedded}", "edge: {adapter: argo-rollouts, namespace: shop}")
    plan = plan.replace(", kind: deploy", "").split("stages:")[0]
    bench.plan(f"{plan}stages: {{from: api, bake: 5m}}\n")
    assert {change["stage"] for change in bench.run(text(rows(counts(60)))).changes} == {"steps"}


def test_a_canary_that_is_not_exposed_any_more_is_said_to_be(bench: Bench) -> None:
    lines = [*rows(counts(30), stage="smoke"), *only(rows(counts(10), first=30, stage=""), "baseline")]
    last = bench.run(text(lines, STAGED)).changes[-1]
    assert (last["at"], last["stage"], last["state"]) == ("2026-03-02T12:05:00Z", None, "no_data")


def test_ticks_of_the_warm_up_are_not_judged(bench: Bench) -> None:
    bench.plan(PLAN.replace("min_excess: 0}", "min_excess: 0, warmup: 60s}", 1))
    assert bench.run(text(rows(counts(60)))).summary()["ticks"] == 54


def test_a_pass_waits_for_the_requests_the_stage_asks_for(bench: Bench) -> None:
    free = bench.run(text(rows(counts(360))))
    bench.plan(PLAN.replace("set: {api: 5}", "set: {api: 5}, min_requests: 17000"))
    held = bench.run(text(rows(counts(360))))
    assert held.summary()["first_pass_at"] > free.summary()["first_pass_at"]


def test_a_stage_whose_time_is_over_without_a_verdict_is_inconclusive(bench: Bench) -> None:
    bench.plan(PLAN.replace("set: {api: 5}", "set: {api: 5}, bake: 2m"))
    assert ("12:01:50", "unsure INCONCLUSIVE") in bench.run(text(rows(counts(30)))).states()


# -- silence and dirt --------------------------------------------------------------------------------------------------


def test_three_missing_ticks_of_the_canary_are_no_data(bench: Bench) -> None:
    lines = rows(counts(60))
    quiet = [line for line in lines if not ("canary" in line and at(30) <= line[:10] < at(40))]
    said = bench.run(text(quiet))
    assert ("12:05:20", "no_data") in said.states()
    assert said.states()[-1][0] >= "12:06:40"
    assert said.summary()["ticks"] == 50


def test_two_missing_ticks_are_not(bench: Bench) -> None:
    lines = [line for line in rows(counts(60)) if not ("canary" in line and at(30) <= line[:10] < at(32))]
    assert "no_data" not in {state for _, state in bench.run(text(lines)).states()}


@pytest.mark.parametrize(("arm", "silent"), [("canary", "baseline"), ("baseline", "canary")])
def test_a_file_with_one_arm_only_is_no_data_from_the_third_tick(bench: Bench, arm: str, silent: str) -> None:
    said = bench.run(text(only(rows(counts(30)), arm)))
    assert said.states() == [("12:00:00", "unsure WARMING UP"), ("12:00:20", "no_data")]
    assert f"{silent} has no data" in said.changes[-1]["reason"]
    assert said.summary()["ticks"] == 0


def test_a_gap_of_both_arms_is_stale_from_its_third_tick_and_costs_nothing_however_long(bench: Bench) -> None:
    ten_years = 31_536_000
    said = bench.run(text([*rows(counts(30)), *rows(counts(30), first=ten_years)]))
    assert ("12:05:20", "stale") in said.states()
    assert said.summary()["ticks"] == 60


def test_a_canary_that_falls_silent_before_the_end_is_no_data_although_its_last_word_was_a_pass(bench: Bench) -> None:
    lines = [*rows(counts(360)), *only(rows(counts(20), first=360), "baseline")]
    assert bench.run(text(lines)).states()[-1] == ("13:00:20", "no_data")


def test_a_metric_that_ends_before_the_others_goes_stale(bench: Bench) -> None:
    said = bench.run(text([*rows(counts(30), metric="slow"), *rows(counts(60))]))
    assert said.states("slow")[-1] == ("12:05:20", "stale")


def test_a_metric_that_starts_after_the_others_has_no_data_until_then(bench: Bench) -> None:
    said = bench.run(text([*rows(counts(30), metric="slow", first=30), *rows(counts(60))]))
    assert said.states("slow")[:2] == [("12:00:20", "no_data"), ("12:05:00", "unsure WARMING UP")]


def test_samples_once_a_minute_in_ten_second_ticks_are_not_called_silent(bench: Bench) -> None:
    minutes = [line for n in range(60) for line in rows(counts(1, seed=n), first=6 * n)]
    said = bench.run(text(minutes))
    assert {state for _, state in said.states()} <= {"unsure WARMING UP", "unsure WATCHING", "pass"}


@pytest.mark.parametrize(
    "total, bad",
    [
        ("NaN", "0"),
        ("50", "nan"),
        ("inf", "1"),
        ("-5", "0"),
        ("50", "-1"),
        ("5", "6"),
        ("50", "5e-324"),
        ("1e300", "0"),
    ],
)
def test_what_cannot_be_counted_is_dirty_and_not_a_bad_row(bench: Bench, total: str, bad: str) -> None:
    lines = rows(counts(30))
    lines[20] = f"{at(10)},errors,canary,{total},{bad}\n"
    said = bench.run(text(lines))
    assert (said.code, said.summary()["ticks"], said.summary()["dirty"]) == (0, 29, 1)


def test_a_canary_that_turns_dirty_is_no_data_and_keeps_no_pass(bench: Bench) -> None:
    lines = [*rows(counts(360)), *(line.replace(",50,", ",NaN,") for line in rows(counts(20), first=360))]
    said = bench.run(text(lines))
    assert said.states()[-1] == ("13:00:20", "no_data")
    assert said.summary()["dirty"] == 20


def test_an_all_zero_baseline_fails_a_canary_with_errors(bench: Bench) -> None:
    said = bench.run(text(rows([(2.0, 50.0, 0.0, 450.0)] * 30)))
    failed = next(change for change in said.changes if change["state"] == "fail")
    assert (failed["ratio"], failed["high"]) == (None, None)


def test_no_errors_anywhere_pass_by_the_canarys_own_share(bench: Bench) -> None:
    said = bench.run(text(rows([(0.0, 500.0, 0.0, 4500.0)] * 30)))
    passed = next(change for change in said.changes if change["state"] == "pass")
    assert passed["ratio"] is None
    assert "below 0.05 %" in passed["reason"]


def test_min_excess_of_the_plan_keeps_a_trifle_from_failing(bench: Bench) -> None:
    trifle = rows([(2.0, 10_000.0, 0.0, 90_000.0)] * 60)
    assert bench.run(text(trifle)).summary()["first_fail_at"] is not None
    bench.plan(PLAN.replace(", min_excess: 0", "", 1))
    assert bench.run(text(trifle)).summary()["first_fail_at"] is None


# -- order, duplicates, ticks ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [lambda line: line.split(",")[2], lambda line: -float(line.split(",")[0])])
def test_a_file_in_any_order_says_the_same(bench: Bench, key: object) -> None:
    lines = rows(counts(120, ratio=3))
    assert bench.run(text(sorted(lines, key=key))).out == bench.run(text(lines)).out  # type: ignore[call-overload]


def test_of_a_sample_given_twice_the_last_wins(bench: Bench) -> None:
    lines = rows(counts(60))
    twice = [f"{at(10)},errors,canary,50,50\n", *lines]
    assert bench.run(text(twice)).out == bench.run(text(lines)).out


def test_samples_of_one_tick_add_up(bench: Bench) -> None:
    halves = [
        line
        for n, (kc, nc, kb, nb) in enumerate(counts(60, ratio=3))
        for half in (0.1, 0.6)
        for line in rows([(kc / 2, nc / 2, kb / 2, nb / 2)])
        for line in [line.replace(at(0), at(n + half), 1)]
    ]
    assert bench.run(text(halves)).out == bench.run(text(rows(counts(60, ratio=3)))).out


def test_of_a_gauge_the_last_value_of_a_tick_counts(bench: Bench) -> None:
    def gauge(*early: str) -> str:
        lines = [f"{at(n + 0.5)},load,{arm},50\n" for n in range(30) for arm in ("canary", "baseline")]
        return text([*early, *lines], "at,metric,arm,value\n")

    assert bench.run(gauge(f"{at(3.1)},load,canary,900\n")).out == bench.run(gauge()).out


def test_a_tick_counts_only_with_both_arms(bench: Bench) -> None:
    lines = rows(counts(60))
    del lines[40]
    assert bench.run(text(lines)).summary()["ticks"] == 59


def test_the_tick_is_the_plans(bench: Bench) -> None:
    bench.plan(f"{PLAN}timing: {{tick: 1m}}\n")
    said = bench.run(text(rows(counts(60))))
    assert said.summary()["ticks"] == 10


def test_times_may_be_iso_or_epoch_in_seconds_or_milliseconds(bench: Bench) -> None:
    lines = rows(counts(60))
    iso = [
        f"2026-03-02T12:{n // 12:02d}:{n // 2 % 6 * 10:02d}Z,{line.split(',', 1)[1]}" for n, line in enumerate(lines)
    ]
    zoned = [line.replace("T12:", "T14:", 1).replace("Z", "+02:00", 1) for line in iso]
    millis = [line.replace(",", "000,", 1) for line in lines]
    assert len({bench.run(text(each)).out for each in (lines, iso, zoned, millis)}) == 1


def test_ticks_start_at_the_epoch(bench: Bench) -> None:
    lines = [line.replace(at(0)[:7], "0000000", 1) for line in rows(counts(30))]
    assert bench.run(text(lines)).changes[0]["at"].startswith("1970-01-01T00:")


def test_json_lines_say_the_same_as_csv(bench: Bench) -> None:
    lines = rows(counts(60, ratio=3))
    assert bench.run("".join(as_json_lines(lines)), name="s.jsonl").out == bench.run(text(lines)).out


def test_further_columns_are_ignored_in_any_order(bench: Bench) -> None:
    lines = rows(counts(30))
    mixed = [f"note {n},{','.join(reversed(line.strip().split(',')))}\n" for n, line in enumerate(lines)]
    said = bench.run(text(mixed, "note,bad,total,arm,metric,at\n"))
    assert said.out == bench.run(text(lines)).out


def test_a_file_from_a_spreadsheet_is_read(bench: Bench) -> None:
    plain = text(rows(counts(30)))
    assert bench.run(b"\xef\xbb\xbf" + plain.replace("\n", "\r\n").encode()).out == bench.run(plain).out


# -- as a person sees it -----------------------------------------------------------------------------------------------


def test_the_table_fits_80_columns_and_names_every_state(bench: Bench) -> None:
    said = bench.shown(text([*rows(counts(60)), *rows(counts(60, ratio=10), first=60)]))
    lines = said.out.splitlines()
    assert lines[0] == "errors, stage smoke"
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("  2026-03-02 12:00:00  unsure WARMING UP") for line in lines)
    assert any("  fail  " in line and ":1" in line and "x" in line for line in lines)
    assert lines[-3].split()[-3:] == ["120", "0", "errors"]


def test_a_silence_is_explained_below_its_line(bench: Bench) -> None:
    said = bench.shown(text(only(rows(counts(30)), "baseline")))
    assert "    canary has no data, the other arm flows" in said.out.splitlines()


def test_a_plan_with_errors_is_refused_with_its_lines(bench: Bench) -> None:
    bench.plan(PLAN.replace("shape: gauge", "shape: gage"))
    said = bench.shown(HEADER)
    assert said.code == 2
    assert "plan.yaml:7: metrics.load.shape" in said.err


def test_a_first_stage_with_all_the_traffic_says_that_nothing_is_compared(bench: Bench) -> None:
    bench.plan(PLAN.replace("set: {api: 5}", "set: {api: 100}"))
    assert "stage smoke gives the canary all the traffic" in bench.run(text(rows(counts(30)))).err


# -- as its page says --------------------------------------------------------------------------------------------------


PAGE = (Path(__file__).parent.parent / "docs" / "backtest.md").read_text(encoding="utf-8")


def test_the_pages_file_is_read(bench: Bench) -> None:
    said = bench.run(PAGE.split("```csv\n")[1].split("```")[0])
    assert (said.code, said.summary()["ticks"]) == (0, 1)


def test_the_page_names_every_key_of_a_change_and_of_the_summary(bench: Bench) -> None:
    said = bench.run(text(rows(counts(30))))
    keys = PAGE.split("prints one object per change (")[1].split(";")[0]
    assert [key.strip("` \n") for key in keys.split(",")] == list(said.changes[0])
    shown = next(line.strip() for line in PAGE.splitlines() if line.strip().startswith('{"summary"'))
    assert list(json.loads(shown)["summary"]["errors"]) == list(said.summary())
