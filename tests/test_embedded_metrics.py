"""What the embedded world measures: the same numbers for everybody, gaps, and what each scenario does to them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from statistics import fmean

import pytest

from adapters.contract import (
    Buckets,
    Counts,
    Gauge,
    MetricQuery,
    Phase,
    Reading,
    Setting,
    Shape,
    TimedOut,
    Unreachable,
    Window,
)
from adapters.embedded.changes import WorldChange
from adapters.embedded.traffic import EDGES, INSTANCES, binomial, poisson
from adapters.embedded.world import World, WorldSettings
from tests.embedded_rig import (
    CART,
    CHECKOUT,
    CPU,
    DURATION,
    ERRORS,
    FLAG,
    LATENCY,
    NOON,
    PERMIT,
    Rig,
    counts,
    embedded_rig,
    rate,
)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with embedded_rig(tmp_path) as running:
        yield running


async def test_two_instances_over_one_file_say_the_same_in_any_order(tmp_path: Path) -> None:
    log = tmp_path / "world.jsonl"
    first, second = World(log, WorldSettings(seed=3)), World(log, WorldSettings(seed=3))
    first.change(lambda _: WorldChange(NOON.timestamp() - 100.5, "checkout", 20, None, "test"))
    windows = [
        Window(NOON - timedelta(seconds=begin), NOON - timedelta(seconds=begin - 60), 10) for begin in (240, 120, 60)
    ]
    queries = (ERRORS, LATENCY, CPU)
    forward = {(q.metric, w.start): first.metric(q, w, NOON).readings for w in windows for q in queries}
    backward = {
        (q.metric, w.start): second.metric(q, w, NOON).readings for w in reversed(windows) for q in reversed(queries)
    }
    assert forward == backward


def test_another_seed_is_another_day(tmp_path: Path) -> None:
    window = Window(NOON - timedelta(seconds=60), NOON, 10)
    worlds = [World(tmp_path / "world.jsonl", WorldSettings(seed=seed)) for seed in (1, 2)]
    assert worlds[0].metric(ERRORS, window, NOON).readings != worlds[1].metric(ERRORS, window, NOON).readings


async def test_metrics_of_one_kind_share_their_requests_and_not_their_luck(rig: Rig) -> None:
    backend = rig.connect(error_rate="10%")
    one = (await rig.last(backend, MetricQuery("errors", Shape.COUNTS), 60)).readings
    other = (await rig.last(backend, MetricQuery("timeouts", Shape.COUNTS), 60)).readings
    assert counts(one, "baseline").total == counts(other, "baseline").total
    assert [reading.baseline for reading in one] != [reading.baseline for reading in other]


async def test_a_change_that_another_process_dated_earlier_is_drawn_into_what_was_read_already(tmp_path: Path) -> None:
    log = tmp_path / "world.jsonl"
    ours, theirs = World(log, WorldSettings()), World(log, WorldSettings())
    window = Window(NOON - timedelta(seconds=60), NOON, 10)
    ours.metric(ERRORS, window, NOON)
    theirs.change(lambda _: WorldChange(NOON.timestamp() - 30, "checkout", 50, None, "test"))
    assert ours.metric(ERRORS, window, NOON).readings == theirs.metric(ERRORS, window, NOON).readings


async def test_a_tick_is_the_sum_of_its_seconds(rig: Rig) -> None:
    backend = rig.connect(opening={"checkout": 30})
    whole = await rig.last(backend, ERRORS, 60, tick_s=60)
    seconds = await rig.last(backend, ERRORS, 60, tick_s=1)
    assert len(seconds.readings) == 60
    for arm in ("canary", "baseline"):
        assert counts(whole.readings, arm) == counts(seconds.readings, arm)


async def test_the_tick_under_way_grows_into_the_whole_one(rig: Rig) -> None:
    backend = rig.connect()
    totals = []
    for _ in range(10):
        rig.clock.step(1)
        totals.append(counts((await rig.last(backend, ERRORS, 1)).readings[-1:], "baseline").total)
    assert totals == sorted(set(totals))
    rig.clock.step(30)
    window = Window(NOON, NOON + timedelta(seconds=10), 10)
    assert counts((await backend.read_metrics([ERRORS], window))[0].readings, "baseline").total == totals[-1]


async def test_ticks_are_aligned_to_the_epoch_and_none_is_in_the_future(rig: Rig) -> None:
    backend = rig.connect()
    rig.clock.step(4.5)
    window = Window(NOON - timedelta(seconds=17), NOON + timedelta(minutes=5), 10)
    reply = (await backend.read_metrics([ERRORS], window))[0]
    assert [(reading.at - NOON).total_seconds() for reading in reply.readings] == [-20, -10, 0]
    assert reply.baseline_at == NOON + timedelta(seconds=4)


@pytest.mark.parametrize("offset_s", [0.0, 3.5])
async def test_hours_are_read_in_parts_that_neither_miss_nor_repeat_a_tick(rig: Rig, offset_s: float) -> None:
    backend, end = rig.connect(), NOON - timedelta(seconds=offset_s)
    [reply] = await backend.read_metrics([ERRORS], Window(end - timedelta(hours=1), end, 10))
    whole = backend.world.metric(ERRORS, Window(end - timedelta(hours=1), end, 10), NOON)
    assert reply == whole
    assert len({reading.at for reading in reply.readings}) == len(reply.readings) >= 360


async def test_a_tick_of_which_no_second_is_over_is_left_out(rig: Rig) -> None:
    backend = rig.connect()
    rig.clock.step(0.9)
    reply = (await backend.read_metrics([ERRORS], Window(NOON, NOON + timedelta(seconds=10), 10)))[0]
    assert reply.readings == ()


async def test_before_a_rollout_the_baseline_has_a_history_and_the_canary_none(rig: Rig) -> None:
    reply = await rig.last(rig.connect(), ERRORS, 300)
    assert len(reply.readings) == 30
    assert all(reading.canary is None and reading.baseline is not None for reading in reply.readings)
    assert reply.canary_at is None


async def test_a_canary_with_all_the_traffic_leaves_the_baseline_without_samples(rig: Rig) -> None:
    backend = rig.connect()
    await backend.set_weight(CHECKOUT, 100, PERMIT)
    rig.clock.step(60)
    reply = await rig.last(backend, ERRORS, 60)
    assert all(reading.baseline is None and reading.canary is not None for reading in reply.readings)
    assert (reply.baseline_at, reply.canary_at) == (NOON, rig.clock.now())


async def test_a_canary_taken_back_has_gaps_again_and_its_newest_sample_ages(rig: Rig) -> None:
    backend = rig.connect()
    await backend.set_weight(CHECKOUT, 20, PERMIT)
    rig.clock.step(30)
    await backend.set_weight(CHECKOUT, 0, PERMIT)
    rig.clock.step(30)
    reply = await rig.last(backend, ERRORS, 60)
    assert [reading.canary is not None for reading in reply.readings] == [True, True, True, False, False, False]
    assert reply.canary_at == NOON + timedelta(seconds=30)


async def test_the_canary_gets_the_largest_weight_of_any_deploy_target(rig: Rig) -> None:
    backend = rig.connect()
    await backend.set_weight(CHECKOUT, 10, PERMIT)
    await backend.set_weight(CART, 40, PERMIT)
    rig.clock.step(60)
    readings = (await rig.last(backend, ERRORS, 60)).readings
    canary, baseline = counts(readings, "canary").total, counts(readings, "baseline").total
    assert canary / (canary + baseline) == pytest.approx(0.4, abs=0.02)


async def test_a_flag_beside_a_deploy_splits_no_traffic(rig: Rig) -> None:
    backend = rig.connect()
    await backend.set_weight(CHECKOUT, 0, PERMIT)
    await backend.set_flag(FLAG, Setting(50, on=True), PERMIT)
    rig.clock.step(60)
    assert all(reading.canary is None for reading in (await rig.last(backend, ERRORS, 60)).readings)


async def test_an_exposed_arm_without_requests_says_zero_not_nothing(rig: Rig) -> None:
    backend = rig.connect(rps=0.01, opening={"checkout": 5})
    assert (await rig.last(backend, ERRORS, 10)).readings[0].canary == Counts(0, 0)


async def test_the_named_rates_are_what_comes_out(rig: Rig) -> None:
    backend = rig.connect(rps=1000, error_rate="1%")
    readings = (await rig.last(backend, ERRORS, 3600, tick_s=60)).readings
    assert counts(readings, "baseline").total / 3600 == pytest.approx(1000, rel=0.3)
    assert rate(readings, "baseline") == pytest.approx(0.01, rel=0.05)


async def test_a_gauge_is_the_last_value_of_its_tick(rig: Rig) -> None:
    backend = rig.connect(opening={"checkout": 5})
    whole, seconds = await rig.last(backend, CPU, 10), await rig.last(backend, CPU, 1, tick_s=1)
    assert whole.readings[0].canary == seconds.readings[0].canary
    assert isinstance(whole.readings[0].canary, Gauge)
    assert 0.3 < whole.readings[0].canary.value < 0.6


@pytest.mark.parametrize(("mean", "draws"), [(0.4, 4000), (12.0, 4000), (300.0, 4000)])
def test_poisson_counts_have_their_mean_and_variance(mean: float, draws: int) -> None:
    numbers = [poisson(mean, (index + 0.5) / draws) for index in range(draws)]
    average = sum(numbers) / draws
    assert average == pytest.approx(mean, rel=0.02)
    assert sum((number - average) ** 2 for number in numbers) / draws == pytest.approx(mean, rel=0.05)


@pytest.mark.parametrize(("trials", "share"), [(40, 0.05), (40, 0.8), (400, 0.25), (400, 1.0), (0, 0.5)])
def test_binomial_counts_have_their_mean_and_variance(trials: int, share: float) -> None:
    numbers = [binomial(trials, share, (index + 0.5) / 4000) for index in range(4000)]
    average = sum(numbers) / 4000
    assert average == pytest.approx(trials * share, rel=0.02)
    variance = sum((number - average) ** 2 for number in numbers) / 4000
    assert variance == pytest.approx(trials * share * (1 - share), rel=0.05, abs=1e-9)


# -- histograms and instances ------------------------------------------------------------------------------------------


def slow_shares(readings: Sequence[Reading], arm: str) -> list[float]:
    """Share of one arm's requests slower than each edge, over all ticks."""
    said = [sample for reading in readings if isinstance(sample := getattr(reading, arm), Buckets)]
    total = sum(sample.total for sample in said)
    return [1 - sum(sample.within[place][1] for sample in said) / total for place in range(len(EDGES))]


async def test_a_histogram_has_fixed_edges_and_counts_that_only_grow_towards_the_whole(rig: Rig) -> None:
    for reading in (await rig.last(rig.connect(), DURATION, 120)).readings:
        assert isinstance(reading.baseline, Buckets)
        counted = [count for _, count in reading.baseline.within]
        assert ([edge for edge, _ in reading.baseline.within], counted) == (list(EDGES), sorted(counted))
        assert counted[-1] <= reading.baseline.total


async def test_a_histogram_counts_the_same_requests_as_the_other_metrics(rig: Rig) -> None:
    backend = rig.connect()
    told = [sample for reading in (await rig.last(backend, DURATION, 120)).readings if (sample := reading.baseline)]
    counted = [sample.total for sample in told if isinstance(sample, Buckets)]
    errors = [sample for reading in (await rig.last(backend, ERRORS, 120)).readings if (sample := reading.baseline)]
    assert counted == [sample.total for sample in errors if isinstance(sample, Counts)]


async def test_of_a_healthy_canary_as_many_requests_are_slow_as_of_the_baseline(rig: Rig) -> None:
    backend = rig.connect(rps=4000)
    await backend.set_weight(CHECKOUT, 50, PERMIT)
    rig.clock.step(600)
    readings = (await rig.last(backend, DURATION, 600)).readings
    assert slow_shares(readings, "canary") == pytest.approx(slow_shares(readings, "baseline"), rel=0.1, abs=2e-4)
    assert slow_shares(readings, "baseline")[1] == pytest.approx(0.1, rel=0.2)


async def test_slow_burn_makes_the_canarys_requests_slower_at_every_edge(rig: Rig) -> None:
    backend = rig.connect(scenario="slow_burn", rps=4000)
    await backend.set_weight(CHECKOUT, 50, PERMIT)
    rig.clock.step(1500)
    readings = (await rig.last(backend, DURATION, 300)).readings
    canary, baseline = slow_shares(readings, "canary"), slow_shares(readings, "baseline")
    assert [own / other for own, other in zip(canary[1:4], baseline[1:4], strict=True)] == pytest.approx(
        [3] * 3, rel=0.2
    )


async def test_a_gauge_tells_the_baselines_instances_apart(rig: Rig) -> None:
    backend = rig.connect()
    await backend.set_weight(CHECKOUT, 5, PERMIT)
    rig.clock.step(300)
    readings = (await rig.last(backend, CPU, 300)).readings
    assert all(isinstance(reading.canary, Gauge) and reading.canary.instances == () for reading in readings)
    told = [reading.baseline for reading in readings if isinstance(reading.baseline, Gauge)]
    assert {len(gauge.instances) for gauge in told} == {INSTANCES}
    assert [gauge.value for gauge in told] == pytest.approx([sum(g.instances) / INSTANCES for g in told])


async def test_an_instance_lies_aside_of_the_others_for_as_long_as_it_lives(rig: Rig) -> None:
    told = [reading.baseline for reading in (await rig.last(rig.connect(), CPU, 1200)).readings]
    means = [fmean(gauge.instances[place] for gauge in told if isinstance(gauge, Gauge)) for place in range(INSTANCES)]
    assert 0.002 < max(means) / min(means) - 1 < 0.05


# -- scenarios ---------------------------------------------------------------------------------------------------------


async def test_healthy_keeps_the_canary_like_the_baseline(rig: Rig) -> None:
    backend = rig.connect(opening={"checkout": 50}, error_rate="1%")
    for query in (ERRORS, LATENCY):
        readings = (await rig.last(backend, query, 3600, tick_s=60)).readings
        assert rate(readings, "canary") == pytest.approx(rate(readings, "baseline"), rel=0.05)


async def test_error_spike_begins_at_its_onset_and_multiplies_errors_by_six(rig: Rig) -> None:
    backend = rig.connect(scenario="error_spike", onset="60s", error_rate="1%")
    await backend.set_weight(CHECKOUT, 50, PERMIT)
    rig.clock.step(660)
    readings = (await rig.last(backend, ERRORS, 660)).readings
    before, after = readings[:6], readings[6:]
    assert rate(before, "canary") / rate(before, "baseline") < 2
    assert rate(after, "canary") / rate(after, "baseline") == pytest.approx(6, rel=0.15)


async def test_error_spike_leaves_latency_alone(rig: Rig) -> None:
    backend = rig.connect(scenario="error_spike", onset=0)
    await backend.set_weight(CHECKOUT, 50, PERMIT)
    rig.clock.step(600)
    readings = (await rig.last(backend, LATENCY, 600)).readings
    assert rate(readings, "canary") == pytest.approx(rate(readings, "baseline"), rel=0.1)


async def test_error_spike_waits_for_five_percent(rig: Rig) -> None:
    backend = rig.connect(scenario="error_spike", onset=0, rps=4000)
    await backend.set_weight(CHECKOUT, 4, PERMIT)
    rig.clock.step(600)
    readings = (await rig.last(backend, ERRORS, 600)).readings
    assert rate(readings, "canary") / rate(readings, "baseline") < 1.5


async def test_slow_burn_grows_to_three_times_within_a_quarter_of_an_hour(rig: Rig) -> None:
    backend = rig.connect(scenario="slow_burn", rps=2000)
    await backend.set_weight(CHECKOUT, 50, PERMIT)
    rig.clock.step(1500)
    for query in (ERRORS, LATENCY):
        readings = (await rig.last(backend, query, 1500, tick_s=300)).readings
        ratios = [rate([reading], "canary") / rate([reading], "baseline") for reading in readings]
        assert ratios == pytest.approx([1.33, 2.0, 2.67, 3.0, 3.0], rel=0.1)


async def test_metrics_outage_alternates_between_two_failures_and_recovers(rig: Rig) -> None:
    backend = rig.connect(scenario="metrics_outage")
    await backend.set_weight(CHECKOUT, 5, PERMIT)
    rig.clock.step(59)
    assert (await rig.last(backend, ERRORS, 10)).readings
    rig.clock.step(1)
    with pytest.raises(Unreachable, match="world: connection refused"):
        await rig.last(backend, ERRORS, 10)
    rig.clock.step(119)
    with pytest.raises(TimedOut, match="world: no answer"):
        await rig.last(backend, ERRORS, 10)
    rig.clock.step(1)
    assert (await rig.last(backend, ERRORS, 10)).canary_at == rig.clock.now()


async def test_targets_can_be_read_and_moved_while_metrics_are_out(rig: Rig) -> None:
    backend = rig.connect(scenario="metrics_outage", onset=0)
    await backend.set_weight(CHECKOUT, 5, PERMIT)
    rig.clock.step(10)
    await backend.set_weight(CHECKOUT, 0, PERMIT)
    assert (await backend.read_target(CHECKOUT)).percent == 0


async def test_stuck_deploy_accepts_more_than_five_percent_and_stays_where_it_was(rig: Rig) -> None:
    backend = rig.connect(scenario="stuck_deploy")
    await backend.set_weight(CHECKOUT, 5, PERMIT)
    await backend.set_weight(CHECKOUT, 25, PERMIT)
    reading = await backend.read_target(CHECKOUT)
    assert (reading.percent, reading.phase) == (5, Phase.DEGRADED)
    assert "25 % was requested" in reading.detail


async def test_a_stuck_deploy_can_be_rolled_back(rig: Rig) -> None:
    backend = rig.connect(scenario="stuck_deploy")
    await backend.set_weight(CHECKOUT, 5, PERMIT)
    await backend.set_weight(CHECKOUT, 25, PERMIT)
    await backend.set_weight(CHECKOUT, 0, PERMIT)
    reading = await backend.read_target(CHECKOUT)
    assert (reading.percent, reading.phase) == (0, Phase.ROLLED_BACK)


async def test_a_stuck_deploy_that_opened_high_can_be_lowered_in_steps(rig: Rig) -> None:
    backend = rig.connect(scenario="stuck_deploy", opening={"checkout": 50})
    await backend.set_weight(CHECKOUT, 25, PERMIT)
    assert (await backend.read_target(CHECKOUT)).percent == 25


async def test_a_world_with_flags_alone_is_split_by_them(rig: Rig) -> None:
    backend = rig.connect()
    await backend.set_flag(FLAG, Setting(50, on=True), PERMIT)
    rig.clock.step(60)
    readings = (await rig.last(backend, ERRORS, 60)).readings
    canary, baseline = counts(readings, "canary").total, counts(readings, "baseline").total
    assert canary / (canary + baseline) == pytest.approx(0.5, abs=0.02)
