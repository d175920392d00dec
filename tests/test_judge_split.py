"""The engine for counts: golden vectors, exactness, and what must not change its evidence."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.judge.bursts import WITHOUT_HISTORY, phi_before
from console.judge.latch import FAIL_AT, NOT_TRIVIAL
from console.judge.mixture import MOST
from console.judge.onset import RATIOS
from console.judge.split import PASS_RATIOS, Split
from tests.judge_rig import Tick, split_of, stream

GOLDEN: list[tuple[str, Sequence[Tick], str, str, str, str, int | None]] = [
    ("few", [(1, 100, 0, 9900)] * 3, "732.5", "720.8", "0.5958", "1.000", 3),
    ("one late", [(0, 100, 10, 9900)] * 9 + [(1, 100, 10, 9900)], "0.6792", "0.6417", "1.089", "1.000", None),
    ("a hair", [(10, 500, 15, 1500)] * 12, "291.7", "4.824", "0.4777", "1.000", None),
    (
        "5x from 30",
        [(1, 1000, 99, 99000)] * 30 + [(5, 1000, 99, 99000)] * 6,
        "9.554e+04",
        "6335",
        "0.6416",
        "1.824",
        34,
    ),
    ("incident", [(1, 1000, 99, 99000)] * 6 + [(8, 1000, 792, 99000)] * 6, "0.4518", "0.4233", "356.7", "1.000", None),
    (
        "one burst",
        [(1, 1000, 99, 99000)] * 6 + [(50, 1000, 99, 99000)] + [(1, 1000, 99, 99000)] * 6,
        "1.709",
        "0.9685",
        "0.4802",
        "1.000",
        None,
    ),
]


def digits(value: float) -> str:
    return f"{value:.4g}"


@pytest.mark.parametrize(("name", "ticks", "worse", "trivial", "ready", "phi", "fails"), GOLDEN)
def test_the_golden_vectors_are_met_to_all_printed_digits(
    name: str, ticks: Sequence[Tick], worse: str, trivial: str, ready: str, phi: str, fails: int | None
) -> None:
    split, failed = Split.begin(phi=1.0), None
    for number, (kc, nc, kb, nb) in enumerate(ticks, start=1):
        split = split.after(10.0 * number, kc, nc, kb, nb)
        if failed is None and split.worse.evidence >= FAIL_AT and split.trivial.evidence >= NOT_TRIVIAL:
            failed = number
    assert (digits(split.worse.evidence), digits(split.trivial.evidence)) == (worse, trivial)
    assert (digits(split.better.evidence), f"{split.bursts.phi:.3f}", failed) == (ready, phi, fails)


def test_one_burst_peaks_where_the_golden_vector_says() -> None:
    ticks = GOLDEN[-1][1]
    assert digits(max(split_of(ticks[:end]).worse.evidence for end in range(1, len(ticks)))) == "2.531"


def _hypergeometric(nc: int, nb: int, errors: int) -> list[float]:
    return [
        math.comb(nc, k) * math.comb(nb, errors - k) / math.comb(nc + nb, errors) if errors - k <= nb else 0.0
        for k in range(min(nc, errors) + 1)
    ]


def _binomial(nc: float, nb: float, ratio: float, errors: int) -> list[float]:
    q = nc * ratio / (nc * ratio + nb)
    return [math.comb(errors, k) * q**k * (1 - q) ** (errors - k) for k in range(errors + 1)]


@pytest.mark.parametrize("errors", [1, 2, 7, 40])
@pytest.mark.parametrize(("nc", "nb"), [(10, 990), (100, 100), (60, 40)])
@pytest.mark.parametrize("common", [False, True])
def test_one_tick_says_no_more_than_one_on_average_if_the_canary_is_not_worse(
    errors: int, nc: int, nb: int, common: bool
) -> None:
    """E[LR] <= 1 under each null at its border, for rare errors (binomial) and common ones (hypergeometric)."""
    nulls: Sequence[tuple[str, float]] = (("worse", 1.0), ("trivial", 1.25), ("better", 2.0))
    for key, ratio in nulls:
        if common and ratio != 1.0:
            continue  # the exact law away from equality has no closed form; the binomial border covers it
        law = _hypergeometric(nc, nb, errors) if common else _binomial(nc, nb, ratio, errors)
        mean = 0.0
        for k, chance in enumerate(law):
            mixture = getattr(Split.begin(phi=1.0).after(0.0, k, nc, errors - k, nb), key)
            mean += chance * mixture.evidence
        assert mean <= 1.0 + 1e-9


tick = st.tuples(st.integers(0, 20), st.integers(20, 400), st.integers(0, 60), st.integers(60, 4000))
ticks = st.lists(tick, min_size=1, max_size=40)


@given(ticks, st.sampled_from([2.0, 0.5, 8.0]))
def test_scaling_both_exposures_leaves_the_evidence_as_it_was(given_ticks: list[Tick], times: float) -> None:
    plain = split_of(given_ticks)
    scaled = split_of([(kc, nc * times, kb, nb * times) for kc, nc, kb, nb in given_ticks])
    assert scaled.worse.evidence == pytest.approx(plain.worse.evidence, rel=1e-9)
    assert scaled.better.evidence == pytest.approx(plain.better.evidence, rel=1e-9)


@given(ticks)
def test_a_tick_without_errors_changes_no_evidence(given_ticks: list[Tick]) -> None:
    plain = split_of(given_ticks)
    after = plain.after(1e6, 0, 500, 0, 4000)
    assert (after.worse, after.trivial, after.better) == (plain.worse, plain.trivial, plain.better)


@given(ticks, st.lists(st.integers(0, 20), min_size=40, max_size=40))
def test_the_weights_never_see_the_split(given_ticks: list[Tick], moved: list[int]) -> None:
    """With the same errors in all, however they are split, the same weight on a later beginning is left."""
    other = []
    for (kc, nc, kb, nb), shift in zip(given_ticks, moved, strict=False):
        canary = min(kc + kb, nc, shift)
        other.append((canary, nc, kc + kb - canary, nb))
    first, second = split_of(given_ticks), split_of(other)
    assert first.worse.expected == pytest.approx(second.worse.expected, rel=1e-12)
    assert first.trivial.expected == pytest.approx(second.trivial.expected, rel=1e-12)


@given(ticks)
def test_swapping_the_arms_mirrors_the_ratio(given_ticks: list[Tick]) -> None:
    plain = split_of(given_ticks)
    swapped = split_of([(kb, nb, kc, nc) for kc, nc, kb, nb in given_ticks])
    ratio, mirrored = plain.ratio(), swapped.ratio()
    if ratio is not None and mirrored is not None and 0.0 < ratio < math.inf:
        assert mirrored == pytest.approx(1.0 / ratio)


def test_swapping_the_arms_of_a_regression_turns_fail_into_ready() -> None:
    worse = stream(3, 120, canary=500, baseline=500, bad=0.01, ratio=4.0)
    plain = split_of(worse)
    swapped = split_of([(kb, nb, kc, nc) for kc, nc, kb, nb in worse])
    assert plain.worse.evidence > FAIL_AT > plain.better.evidence
    assert swapped.better.evidence > FAIL_AT > swapped.worse.evidence


@pytest.mark.parametrize("seed", range(8))
def test_the_interval_holds_the_ratio_that_made_the_stream(seed: int) -> None:
    low, high = split_of(stream(seed, 200, bad=0.01, ratio=2.0)).interval()
    assert low < 2.0 < high < 8.0


def test_before_the_first_error_the_interval_excludes_nothing() -> None:
    assert split_of([(0, 100, 0, 900)] * 30).interval() == (0.0, math.inf)
    assert split_of([(0, 100, 0, 900)] * 30).ratio() is None


def test_errors_of_the_canary_alone_are_an_infinite_ratio() -> None:
    assert split_of([(2, 100, 0, 900)] * 3).ratio() == math.inf


def test_evidence_is_clamped_and_stays_finite_for_ever() -> None:
    split = split_of([(50, 100, 0, 900)] * 5000)
    assert split.worse.evidence <= MOST * 1.001 and math.isfinite(split.worse.evidence)


def test_a_new_stage_keeps_what_speaks_against_the_canary_and_forgets_what_speaks_for_it() -> None:
    before = split_of(stream(1, 60, bad=0.02, ratio=1.0))
    after = before.next_stage()
    assert after.worse.evidence == pytest.approx(before.worse.evidence)
    assert after.worse.unspent == pytest.approx(before.worse.unspent / 2)
    assert (after.better.evidence, after.ticks, after.ratio()) == (1.0, 0, None)


def test_the_onset_is_found_where_the_regression_began() -> None:
    ticks = [(1, 1000, 99, 99000)] * 30 + [(8, 1000, 99, 99000)] * 6
    best = split_of(ticks).onset.best()
    assert best is not None and best[1] == 300.0


def test_a_healthy_canary_has_no_onset_of_weight() -> None:
    best = split_of([(1, 1000, 99, 99000)] * 60).onset.best()
    assert best is None or best[0] < 1.0


def test_the_suspicions_are_those_that_the_page_of_verdicts_names() -> None:
    assert (len(RATIOS), len(PASS_RATIOS)) == (7, 5)


def test_without_history_phi_is_the_documented_one() -> None:
    assert phi_before([]) == phi_before([0.0] * 360) == WITHOUT_HISTORY == 1.5


def test_phi_of_independent_errors_is_about_one_and_of_bursts_larger() -> None:
    calm = [kb for _, _, kb, _ in stream(5, 360, baseline=20_000, bad=0.001)]
    assert phi_before(calm) < 1.3
    bursty = [4.0 * count for count in calm]
    assert phi_before(bursty) > 3.0
    assert phi_before([100.0 * count for count in calm]) == 8.0
