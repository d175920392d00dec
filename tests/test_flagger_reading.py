"""What a Canary reads as: neutral phase and wait, steps and gates, what cannot be had and why. Pure tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.contract import LAST_STEP, Phase, Setting, TargetReading, TargetRef, Wait
from adapters.deploy.flagger.guard import GuardToken
from adapters.deploy.flagger.reading import is_ours, reading_of
from adapters.deploy.flagger.steps import interval_s, weights
from adapters.deploy.flagger.target import WantedTemplate, wanted_template
from adapters.deploy.flagger.wire import Analysis, Canary, KubeEvent
from tests.flagger_rig import ALL_GATES, GATES, canary, canary_object, hook, target_object, under_way
from tests.kube_fake import Json
from tests.reading_rig import steps_read

NOW = datetime(2026, 1, 1, 10, tzinfo=UTC)
CLOSED = "Halt podinfo.test advancement waiting for traffic increase approval our confirm-traffic-increase"


def read(
    status: Json | None = None,
    events: tuple[KubeEvent, ...] = (),
    gates: str | None = GATES,
    wanted: WantedTemplate | None = None,
    **more: Any,
) -> TargetReading:
    seen = canary(status, **more)
    return reading_of(TargetRef("web", "podinfo"), seen, events, NOW, gates, {}, wanted or WantedTemplate())


def said(message: str, seconds_ago: float, kind: str = "Warning") -> KubeEvent:
    return KubeEvent(type=kind, message=message, last=NOW - timedelta(seconds=seconds_ago))


@pytest.mark.parametrize(
    ("status", "phase", "waits", "percent", "step"),
    [
        ({"phase": ""}, Phase.PENDING, None, 0.0, 0),
        ({"phase": "Initializing"}, Phase.PENDING, None, 0.0, 0),
        ({"phase": "Initialized"}, Phase.HEALTHY, None, 100.0, 5),
        ({"phase": "Waiting"}, Phase.PAUSED, Wait.GATE, 0.0, 0),
        (under_way(0), Phase.PAUSED, Wait.GATE, 0.0, 1),
        (under_way(10), Phase.PAUSED, Wait.GATE, 10.0, 2),
        (under_way(20), Phase.PAUSED, Wait.GATE, 20.0, 2),
        (under_way(30), Phase.PAUSED, Wait.GATE, 30.0, 3),
        (under_way(50), Phase.PAUSED, Wait.GATE, 50.0, 4),
        (under_way(50, "WaitingPromotion"), Phase.PAUSED, Wait.GATE, 50.0, 4),
        (under_way(50, "Promoting"), Phase.PROGRESSING, None, 100.0, 5),
        (under_way(0, "Finalising"), Phase.PROGRESSING, None, 100.0, 5),
        (under_way(0, "Succeeded", lastPromotedSpec="v2"), Phase.HEALTHY, None, 100.0, 5),
        (under_way(0, "Failed"), Phase.ABORTED, None, 0.0, 0),
        ({"phase": "Terminating"}, Phase.UNKNOWN, None, 0.0, 0),
        ({"phase": "Somersault"}, Phase.UNKNOWN, None, 0.0, 0),
    ],
)
def test_phase_wait_exposure_and_step(
    status: Json, phase: Phase, waits: Wait | None, percent: float, step: int
) -> None:
    reading = read(status)
    assert (reading.phase, steps_read(reading).waits, reading.percent, steps_read(reading).step) == (
        phase,
        waits,
        percent,
        step,
    )


def test_a_suspended_canary_is_paused_by_hand_and_says_what_that_means() -> None:
    reading = read(under_way(10), spec={"suspend": True})
    assert (reading.phase, steps_read(reading).waits) == (Phase.PAUSED, Wait.MANUAL)
    assert "suspended: its own checks, its failure limit and its rollback are off too" in reading.notes


@pytest.mark.parametrize(
    ("seconds_ago", "moved_ago", "waits"),
    [(5.0, 60.0, Wait.GATE), (5.0, 5.0, Wait.GATE), (60.0, 5.0, None), (200.0, 600.0, None)],
    ids=["refused since it moved", "in the same second", "before it moved", "long ago"],
)
def test_a_closed_traffic_gate_of_another_shows_in_the_events_alone(
    seconds_ago: float, moved_ago: float, waits: Wait | None
) -> None:
    moved = (NOW - timedelta(seconds=moved_ago)).isoformat()
    theirs = [hook("confirm-traffic-increase", "http://loadtester.test/gate/check")]
    reading = read(under_way(10, lastTransitionTime=moved), (said(CLOSED, seconds_ago),), webhooks=theirs)
    assert steps_read(reading).waits is waits


@pytest.mark.parametrize("gates", [None, "http://elsewhere.test"])
def test_without_a_traffic_gate_of_ours_it_goes_on(gates: str | None) -> None:
    reading = read(under_way(10), gates=gates)
    assert (reading.phase, steps_read(reading).waits) == (Phase.PROGRESSING, None)


def test_where_the_traffic_gate_is_ours_it_waits_though_flaggers_events_are_dropped() -> None:
    reading = read(under_way(10))
    assert (reading.phase, steps_read(reading).waits) == (Phase.PAUSED, Wait.GATE)


def test_the_steps_are_the_start_each_weight_and_the_promotion() -> None:
    steps = steps_read(read(under_way(10))).own
    assert [(step.text, step.percent, step.waits) for step in steps] == [
        ("start", 0.0, True),
        ("weight 0 %", 0.0, True),
        ("weight 10 %", 10.0, True),
        ("weight 30 %", 30.0, True),
        ("weight 50 %, then promotion", 50.0, True),
    ]


def test_steps_without_gates_pass_by_themselves_after_an_interval() -> None:
    reading = read(under_way(10), webhooks=[])
    assert [(step.percent, step.waits, step.lasts_s) for step in steps_read(reading).own] == [
        (0.0, False, 30.0),
        (10.0, False, 30.0),
        (30.0, False, 30.0),
        (50.0, False, 30.0),
    ]
    assert (steps_read(reading).step, steps_read(reading).asks_s) == (1, None)


@pytest.mark.parametrize(
    ("analysis", "found"),
    [
        ({"stepWeights": [5, 20, 60]}, (5, 20, 60)),
        ({"stepWeight": 10, "maxWeight": 30}, (10, 20, 30)),
        ({"stepWeight": 20, "maxWeight": 50}, (20, 40, 60)),
        ({"stepWeight": 50}, (50, 100)),
        ({"stepWeight": 30, "stepWeights": [5, 60]}, (30, 60)),
        ({"stepWeights": [50, 120]}, (50, 100)),
        ({}, ()),
    ],
)
def test_weights_are_those_that_flagger_will_set(analysis: Json, found: tuple[int, ...]) -> None:
    assert weights(Analysis.model_validate(analysis)) == found


@pytest.mark.parametrize(
    ("said_there", "seconds"),
    [("30s", 30.0), ("1m", 60.0), ("1m30s", 90.0), ("", 60.0), ("soon", 60.0), ("1s", 10.0)],
)
def test_an_interval_is_what_flagger_takes_it_for(said_there: str, seconds: float) -> None:
    assert interval_s(Analysis(interval=said_there)) == seconds


def test_iterations_are_one_step_and_no_share() -> None:
    reading = read(under_way(0, iterations=3), iterations=10, match=[{}])
    assert [(step.text, step.percent) for step in steps_read(reading).own] == [("start", 0.0), ("10 checks", 0.0)]
    assert (steps_read(reading).step, reading.percent) == (1, 0.0)
    assert "A/B: its users are chosen, not a share" in reading.detail


@pytest.mark.parametrize(
    ("iterations", "provider", "step", "percent"),
    [(10, "istio", 1, 0.0), (11, "istio", 2, 100.0), (11, "kubernetes", 2, 0.0)],
)
def test_a_blue_green_has_a_step_with_all_traffic_before_its_promotion(
    iterations: int, provider: str, step: int, percent: float
) -> None:
    reading = read(under_way(0, iterations=iterations), iterations=10, spec={"provider": provider})
    assert (steps_read(reading).step, reading.percent, steps_read(reading).count) == (step, percent, 3)


def test_before_flagger_has_begun_a_release_it_has_no_name() -> None:
    waiting = read({"phase": "Waiting"})
    assert (waiting.versions.canary, waiting.versions.baseline) == (None, "v1")
    begun = read(under_way(10))
    assert (begun.versions.canary, begun.versions.baseline) == ("v2", "v1")


def test_a_waiting_release_is_named_by_its_targets_template() -> None:
    two, three = wanted_template(target_object("v2")), wanted_template(target_object("v3"))
    waiting, other = read({"phase": "Waiting"}, wanted=two), read({"phase": "Waiting"}, wanted=three)
    assert (waiting.versions.canary, waiting.versions.release) == (None, f"podinfo:v2 (template {two.template[:8]})")
    assert str(waiting) == f"0 %, step 0/5 (gate) with {waiting.versions.release}"
    assert waiting.versions.revision != other.versions.revision
    assert not waiting.same_as(other)
    assert str(read(under_way(10), wanted=two)) == "10 %, step 2/5 (gate)"


@pytest.mark.parametrize(
    "other",
    [
        target_object("v3"),
        target_object(serviceAccountName="other"),
        target_object(nodeSelector={"disk": "fast"}),
        {**target_object(), "spec": {"template": None}},
        {**target_object(), "spec": None},
    ],
)
def test_another_template_is_another_release_though_its_image_is_the_same(other: Json) -> None:
    assert wanted_template(other).template not in ("", wanted_template(target_object()).template)


def test_what_flagger_and_the_scale_change_is_no_other_release() -> None:
    away = target_object(kind="DaemonSet", nodeSelector={"flagger.app/scale-to-zero": "true"})
    scaled = target_object()
    scaled["spec"]["replicas"] = 3
    scaled["metadata"]["annotations"] = {"deployment.kubernetes.io/revision": "7"}
    assert {wanted_template(found) for found in (away, scaled)} == {wanted_template(target_object())}


def test_images_are_shown_without_their_registry_and_never_in_full_length() -> None:
    images = ["eu.registry.test:5000/shop/cart:2@sha256:abc", "proxy:1.4", "log", "x"]
    found = target_object(containers=[{"image": image} for image in images])
    assert wanted_template(found).text.partition(" (")[0] == "cart:2, proxy:1.4, 2 more"
    assert wanted_template(target_object(containers=None)).text.startswith("no containers (template ")
    assert "\x1b" not in wanted_template(target_object("\x1b[31m" + "v" * 90)).text


def test_an_unknown_version_is_noted_where_it_matters() -> None:
    unknown = WantedTemplate(unknown="you lack get on deployments in shop")
    (note,) = read({"phase": "Waiting"}, wanted=unknown).notes
    assert note.startswith("the version that waits to start is unknown (you lack get on deployments in shop)")
    assert read(under_way(10), wanted=unknown).notes == ()


@pytest.mark.parametrize(
    ("status", "setting", "met"),
    [
        (under_way(10), Setting(None, step=2), True),
        (under_way(10), Setting(None, step=3), False),
        (under_way(50, "Promoting"), Setting(None, step=LAST_STEP), False),
        (under_way(0, "Succeeded", lastPromotedSpec="v2"), Setting(None, step=LAST_STEP), True),
        (under_way(0, "Failed"), Setting(None, step=1), False),
        (under_way(0, "Failed"), Setting(None, version="v1"), True),
        (under_way(30), Setting(None, version="v1"), False),
        ({"phase": "Waiting"}, Setting(None, version="v1"), True),
    ],
)
def test_a_stage_is_reached_by_its_step_and_a_way_back_by_the_primary(
    status: Json, setting: Setting, met: bool
) -> None:
    assert read(status).satisfies(setting) is met


@pytest.mark.parametrize(
    ("status", "more", "why"),
    [
        ({"phase": "Initialized"}, {}, "nothing is under way"),
        (under_way(0, "Failed"), {}, "only a new release begins again"),
        (under_way(50, "Promoting"), {}, "being promoted already"),
        (under_way(10), {"spec": {"suspend": True}}, "it is suspended and asks at no gate"),
        (under_way(10), {"webhooks": []}, "no gate stands at this step"),
        (
            under_way(10),
            {"webhooks": [hook("confirm-traffic-increase", "http://flagger-loadtester.test/gate/check")]},
            "its gate confirm-traffic-increase asks http://flagger-loadtester.test/gate/check, not warroom",
        ),
        (under_way(10), {"gates": None}, "the plan's backend names no gates"),
        ({"phase": "Initializing"}, {}, "it is Initializing"),
        (under_way(10), {}, None),
        (under_way(50), {"webhooks": [hook("confirm-promotion")]}, None),
        ({"phase": "Waiting"}, {}, None),
    ],
)
def test_why_it_cannot_be_promoted(status: Json, more: Json, why: str | None) -> None:
    found = read(status, **more).cannot.get("promote")
    assert (found is None) if why is None else (found is not None and why in found)


def test_what_flagger_complained_of_lately_is_shown() -> None:
    events = (
        said("Halt podinfo.test advancement success rate 91.20% < 99%", 20.0),
        said("older", 300.0),
        said("Advance podinfo.test canary weight 10", 5.0, kind="Normal"),
    )
    assert read(under_way(10), events).notes == ("Halt podinfo.test advancement success rate 91.20% < 99%",)


def test_a_skipped_analysis_and_a_missing_rollback_webhook_are_warned_of() -> None:
    reading = read(under_way(10), spec={"skipAnalysis": True}, webhooks=ALL_GATES[:3])
    assert "skipAnalysis is on" in reading.notes[0]
    assert "no rollback webhook asks warroom" in reading.notes[1]
    assert "skip-analysis" in reading.cannot


def test_a_canary_that_goes_is_a_problem() -> None:
    assert read({"phase": "Terminating"}).problem == "it is being deleted"


def test_the_older_name_of_the_analysis_is_read_too() -> None:
    found = canary_object(under_way(10))
    found["spec"]["canaryAnalysis"] = found["spec"].pop("analysis")
    found["spec"]["analysis"] = None
    assert Canary.model_validate(found).analysis.step_weights == [10, 30, 50]


@pytest.mark.parametrize(
    ("url", "ours"),
    [
        (f"{GATES}/flagger/rollback", True),
        (f"{GATES}/flagger/rollback/", True),
        (f"{GATES}/flagger/confirm-rollout", False),
        ("http://warroom.ops:2280/flagger/rollback", False),
        (f"{GATES}.evil/flagger/rollback", False),
    ],
)
def test_a_webhook_is_ours_by_its_whole_address(url: str, ours: bool) -> None:
    assert is_ours(url, "rollback", GATES) is ours


def test_what_was_seen_survives_the_journal() -> None:
    found = canary(under_way(30, iterations=2), spec={"suspend": True, "skipAnalysis": True})
    for seen in (GuardToken.of(found), GuardToken.of(found, "3f2a9c1b")):
        assert GuardToken.parse(str(seen)) == seen


@pytest.mark.parametrize("text", ["", "{}", "[1]", '["a", "b", 0, "", "", ""]', "[" * 5000])
def test_a_text_that_was_not_seen_is_refused(text: str) -> None:
    assert GuardToken.parse(text) is None


def test_a_gate_of_ours_may_carry_a_token_in_its_address_which_is_never_shown() -> None:
    kinds = ("confirm-rollout", "confirm-traffic-increase", "confirm-promotion", "rollback")
    ours = [hook(kind, f"{GATES}/flagger/{kind}?token=s3cret") for kind in kinds]
    reading = read({"phase": "Waiting"}, webhooks=ours)
    assert "promote" not in reading.cannot
    foreign = [hook("confirm-rollout", "http://loadtester.test/gate/check?token=s3cret")]
    why = read({"phase": "Waiting"}, webhooks=foreign).cannot["promote"]
    assert why == "its gate confirm-rollout asks http://loadtester.test/gate/check, not warroom"


@pytest.mark.parametrize("wrong", [{"spec": "x"}, {"spec": {"targetRef": ["x"]}}, {"status": "x"}])
def test_anything_but_an_object_where_one_belongs_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Canary.model_validate({**canary_object(), **wrong})


def test_null_where_an_object_belongs_is_an_absent_one() -> None:
    found = Canary.model_validate({**canary_object(), "spec": None, "status": None})
    assert (found.target_name, found.status.phase) == ("", "")
