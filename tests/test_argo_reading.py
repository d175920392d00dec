"""What a Rollout reads as: neutral phase and wait, steps, weights, what cannot be had and why. Pure tables."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.contract import LAST_STEP, Phase, Setting, TargetReading, TargetRef, Wait
from adapters.deploy.argo.analysis import lines, runs_of
from adapters.deploy.argo.guard import GuardToken
from adapters.deploy.argo.reading import RolloutView, reading_of
from adapters.deploy.argo.steps import duration_s, steps_of
from adapters.deploy.argo.wire import AnalysisRun, Rollout
from adapters.kube.wire import ReplicaSet
from tests.reading_rig import steps_read

NOW = datetime(2026, 1, 1, 10, tzinfo=UTC)
STEPS = [{"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {"duration": "5m"}}, {"analysis": {}}]
PAUSED = [{"reason": "CanaryPauseStep", "startTime": "2026-01-01T09:59:00Z"}]
UNDER_WAY = {
    "phase": "Progressing",
    "observedGeneration": "3",
    "currentPodHash": "new",
    "stableRS": "old",
    "currentStepIndex": 0,
    "availableReplicas": 5,
    "updatedReplicas": 1,
}


def rollout(status: dict[str, Any], *, spec: dict[str, Any] | None = None, **meta: Any) -> Rollout:
    whole = {
        "metadata": {"name": "web", "uid": "u", "generation": 3, **meta},
        "spec": {"replicas": 5, "strategy": {"canary": {"steps": STEPS}}, **(spec or {})},
        "status": status,
    }
    return Rollout.model_validate(whole)


def read(status: dict[str, Any], *, spec: dict[str, Any] | None = None, **meta: Any) -> TargetReading:
    return reading_of(TargetRef("api", "web"), RolloutView(rollout(status, spec=spec, **meta)), NOW, {})


@pytest.mark.parametrize(
    ("change", "spec", "phase", "waits"),
    [
        ({"phase": ""}, {}, Phase.PENDING, None),
        ({"observedGeneration": "2", "currentPodHash": ""}, {}, Phase.PENDING, None),
        ({"abort": True, "phase": "Degraded", "message": "RolloutAborted: x"}, {}, Phase.ABORTED, None),
        ({"abort": True, "phase": "Paused"}, {"paused": True}, Phase.ABORTED, None),
        ({"phase": "Healthy", "observedGeneration": "2"}, {}, Phase.PROGRESSING, None),
        ({"phase": "Paused", "observedGeneration": "2"}, {"paused": True}, Phase.PROGRESSING, Wait.MANUAL),
        ({"phase": "Paused", "controllerPause": True}, {}, Phase.PROGRESSING, None),
        ({"phase": "Degraded", "message": "RolloutAborted: x", "abort": False}, {}, Phase.PROGRESSING, None),
        ({"phase": "Paused"}, {"paused": True}, Phase.PAUSED, Wait.MANUAL),
        ({"phase": "Paused", "pauseConditions": PAUSED}, {"paused": True}, Phase.PAUSED, Wait.MANUAL),
        ({"phase": "Paused", "pauseConditions": PAUSED, "currentStepIndex": 1}, {}, Phase.PAUSED, Wait.GATE),
        ({"phase": "Paused", "pauseConditions": PAUSED, "currentStepIndex": 3}, {}, Phase.PAUSED, Wait.TIMER),
        (
            {"phase": "Paused", "pauseConditions": [*PAUSED, {"reason": "InconclusiveAnalysisRun", "startTime": "x"}]},
            {},
            Phase.PAUSED,
            Wait.JUDGEMENT,
        ),
        ({"phase": "Degraded", "message": "ProgressDeadlineExceeded: x"}, {}, Phase.DEGRADED, None),
        ({"phase": "Progressing"}, {}, Phase.PROGRESSING, None),
        ({"phase": "Healthy", "stableRS": "new"}, {}, Phase.HEALTHY, None),
        ({"phase": "Healthy"}, {}, Phase.UNKNOWN, None),
        ({"phase": "Somersault"}, {}, Phase.UNKNOWN, None),
    ],
)
def test_the_neutral_phase_is_a_function_of_several_fields(
    change: dict[str, Any], spec: dict[str, Any], phase: Phase, waits: Wait | None
) -> None:
    reading = read({**UNDER_WAY, **change}, spec=spec)
    assert (reading.phase, steps_read(reading).waits) == (phase, waits)


def test_a_timed_pause_says_when_it_ends() -> None:
    reading = read({**UNDER_WAY, "phase": "Paused", "pauseConditions": PAUSED, "currentStepIndex": 3})
    assert steps_read(reading).until == datetime(2026, 1, 1, 10, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [(30, 30), ("30s", 30), ("5m", 300), ("1h", 3600), ("1h30m", 5400), ("90", 90), ("1.5h", 5400), (None, None)],
)
def test_durations_are_read_as_go_writes_them(text: object, seconds: float | None) -> None:
    assert duration_s(text) == seconds


def test_every_kind_of_step_has_words_and_one_that_is_not_known_has_its_own_name() -> None:
    steps = [
        {"setWeight": 20},
        {"pause": {}},
        {"pause": {"duration": "90s"}},
        {"analysis": {"templates": [{"templateName": "rate"}, {"templateName": "lat\x1bency"}]}},
        {"experiment": {"duration": "1h"}},
        {"setCanaryScale": {"replicas": 3}},
        {"setHeaderRoute": {"name": "beta"}},
        {"setMirrorRoute": {"name": "copy"}},
        {"plugin": {"name": "ours/step"}},
        {"teleport": {"where": "mars"}},
        {},
    ]
    own = steps_of(rollout(UNDER_WAY, spec={"strategy": {"canary": {"steps": steps}}}))
    assert [step.text for step in own] == [
        "set weight 20 %",
        "pause",
        "pause 1m30s",
        "analysis rate, latency",
        "experiment",
        "canary scale replicas 3",
        "header route beta",
        "mirror route copy",
        "plugin ours/step",
        "other step teleport",
        "other step ?",
    ]
    assert [step.waits for step in own] == [False, True, True, *[False] * 8]
    assert {step.percent for step in own} == {20.0}


def test_weights_are_of_what_the_router_can_do_at_most() -> None:
    spec = {"strategy": {"canary": {"steps": [{"setWeight": 5}], "trafficRouting": {"maxTrafficWeight": 1000}}}}
    status = {**UNDER_WAY, "canary": {"weights": {"canary": {"weight": 5}, "verified": False}}}
    reading = read(status, spec=spec)
    assert (steps_read(reading).desired, reading.percent) == (0.5, 0.5)
    assert "not confirmed by the router yet" in reading.detail


def test_without_a_router_the_pods_say_what_is_really_there() -> None:
    def sets(**available: int) -> tuple[ReplicaSet, ...]:
        return tuple(
            ReplicaSet.model_validate(
                {
                    "metadata": {"name": name, "labels": {"rollouts-pod-template-hash": name}},
                    "status": {"availableReplicas": count},
                }
            )
            for name, count in available.items()
        )

    whole = RolloutView(rollout({**UNDER_WAY, "currentStepIndex": 1}), sets(old=4, new=1))
    reading = reading_of(TargetRef("api", "web"), whole, NOW, {})
    assert (steps_read(reading).desired, reading.percent) == (20.0, 20.0)
    whole = RolloutView(rollout({**UNDER_WAY, "currentStepIndex": 1, "availableReplicas": 3}), sets(old=2, new=1))
    reading = reading_of(TargetRef("api", "web"), whole, NOW, {})
    assert (steps_read(reading).desired, round(reading.percent or 0)) == (20.0, 33)
    assert "1 of 3 pods" in reading.detail


def test_the_new_version_has_everything_at_the_end_though_the_canarys_weight_is_0_again() -> None:
    spec = {"strategy": {"canary": {"steps": STEPS, "trafficRouting": {}}}}
    status = {**UNDER_WAY, "phase": "Healthy", "stableRS": "new", "canary": {"weights": {"canary": {"weight": 0}}}}
    reading = read(status, spec=spec)
    assert (
        reading.percent,
        steps_read(reading).desired,
        steps_read(reading).step,
        steps_read(reading).count,
        steps_read(reading).at_rest,
    ) == (
        100,
        100,
        5,
        5,
        True,
    )
    assert reading.satisfies(Setting(None, step=LAST_STEP))


def test_an_aborted_rollout_asks_for_nothing() -> None:
    reading = read({**UNDER_WAY, "abort": True, "phase": "Degraded", "updatedReplicas": 0})
    assert (steps_read(reading).desired, reading.percent) == (0, 0)


@pytest.mark.parametrize(
    ("step", "wanted", "satisfied"), [(1, 1, True), (2, 1, True), (0, 1, False), (4, LAST_STEP, False)]
)
def test_a_stage_ends_where_its_step_is_reached(step: int, wanted: int, satisfied: bool) -> None:
    reading = read({**UNDER_WAY, "currentStepIndex": step})
    assert reading.satisfies(Setting(None, step=wanted)) is satisfied


def test_a_step_that_was_reached_before_an_abort_is_not_reached() -> None:
    assert not read({**UNDER_WAY, "abort": True, "phase": "Degraded"}).satisfies(Setting(None, step=0))


@pytest.mark.parametrize(
    ("change", "back"),
    [
        ({"abort": True, "phase": "Degraded", "updatedReplicas": 0}, True),
        ({"abort": True, "phase": "Degraded", "updatedReplicas": 1}, False),
        ({"updatedReplicas": 0}, False),
    ],
)
def test_only_a_rollout_that_will_not_climb_again_has_gone_back(change: dict[str, Any], back: bool) -> None:
    assert read({**UNDER_WAY, **change}).satisfies(Setting(0, version="old")) is back


@pytest.mark.parametrize(
    ("change", "spec", "verb", "why"),
    [
        ({}, {}, "promote", "it goes on by itself: there is no pause to end"),
        ({"stableRS": "new", "phase": "Healthy"}, {}, "promote", "nothing is under way: no new version was set"),
        ({"observedGeneration": "2"}, {}, "promote", "its controller has not taken up the newest change yet"),
        ({"abort": True}, {}, "promote", "it is aborted: retry begins again"),
        ({"phase": "Paused"}, {"paused": True}, "promote", "it is paused by hand: resume it first"),
        ({"phase": "Paused", "pauseConditions": PAUSED}, {}, "skip", "it stands at a pause: promote ends it"),
        (
            {"phase": "Paused", "controllerPause": True},
            {},
            "skip",
            "its pause was just ended, and it has not gone on yet",
        ),
        ({"stableRS": "new"}, {}, "abort", "nothing is under way"),
        ({"promoteFull": True}, {}, "abort", "it is being promoted in full: only an undo goes back"),
        ({}, {}, "retry", "it is not aborted"),
        ({}, {}, "resume", "it is not paused by hand"),
        ({"abort": True}, {}, "pause", "it is aborted"),
        ({}, {}, "accept", "no analysis is inconclusive"),
    ],
)
def test_what_cannot_be_had_says_why(change: dict[str, Any], spec: dict[str, Any], verb: str, why: str) -> None:
    assert read({**UNDER_WAY, **change}, spec=spec).cannot[verb] == why


@pytest.mark.parametrize(
    ("change", "spec", "verbs"),
    [
        (
            {"phase": "Paused", "pauseConditions": PAUSED, "currentStepIndex": 1},
            {},
            {"promote", "promote-full", "abort"},
        ),
        ({}, {}, {"skip", "promote-full", "abort", "pause"}),
        ({"phase": "Paused"}, {"paused": True}, {"resume", "abort"}),
        ({"abort": True}, {}, {"retry"}),
    ],
)
def test_what_can_be_had_is_offered(change: dict[str, Any], spec: dict[str, Any], verbs: set[str]) -> None:
    assert not verbs & read({**UNDER_WAY, **change}, spec=spec).cannot.keys()


def test_a_permission_that_is_missing_is_the_reason() -> None:
    lacks = {"promote": "you lack patch on rollouts/status in default"}
    paused = rollout({**UNDER_WAY, "phase": "Paused", "pauseConditions": PAUSED, "currentStepIndex": 1})
    reading = reading_of(TargetRef("api", "web"), RolloutView(paused), NOW, lacks)
    assert reading.cannot["promote"] == "you lack patch on rollouts/status in default"


@pytest.mark.parametrize(
    ("status", "phase", "step", "percent", "waits"),
    [
        ({"pauseConditions": [{"reason": "BlueGreenPause", "startTime": "2026-01-01T10:00:00Z"}], "phase": "Paused"},
         Phase.PAUSED, 0, 0.0, Wait.GATE),
        ({"blueGreen": {"activeSelector": "new"}}, Phase.PROGRESSING, 1, 100.0, None),
        ({"blueGreen": {"activeSelector": "new"}, "stableRS": "new", "phase": "Healthy"},
         Phase.HEALTHY, 1, 100.0, None),
    ],
)  # fmt: skip
def test_a_blue_green_is_one_step_that_waits(
    status: dict[str, Any], phase: Phase, step: int, percent: float, waits: Wait | None
) -> None:
    base = {**UNDER_WAY, "currentStepIndex": None, "blueGreen": {"activeSelector": "old", "previewSelector": "new"}}
    reading = read({**base, **status}, spec={"strategy": {"blueGreen": {"autoPromotionEnabled": False}}})
    assert (
        reading.phase,
        steps_read(reading).step,
        steps_read(reading).count,
        reading.percent,
        steps_read(reading).waits,
    ) == (
        phase,
        step,
        1,
        percent,
        waits,
    )


def test_a_blue_green_that_promotes_itself_says_when() -> None:
    pause = [{"reason": "BlueGreenPause", "startTime": "2026-01-01T10:00:00Z"}]
    status = {**UNDER_WAY, "phase": "Paused", "pauseConditions": pause}
    reading = read(status, spec={"strategy": {"blueGreen": {"autoPromotionSeconds": 60}}})
    assert (steps_read(reading).waits, steps_read(reading).until) == (
        Wait.TIMER,
        datetime(2026, 1, 1, 10, 1, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("meta", "keeper"),
    [
        ({"annotations": {"argocd.argoproj.io/tracking-id": "shop:argoproj.io/Rollout:default/web"}}, "Argo CD"),
        ({"labels": {"argocd.argoproj.io/instance": "shop"}}, "Argo CD"),
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "shop"}}, "Flux"),
    ],
)
def test_an_object_that_a_repository_keeps_says_so(meta: dict[str, Any], keeper: str) -> None:
    assert read(UNDER_WAY, **meta).notes[0].startswith(f"{keeper} keeps it in line with its repository")


def test_a_workload_that_is_referred_to_is_observed_before_a_phase_is_believed() -> None:
    spec = {"workloadRef": {"kind": "Deployment", "name": "web"}}
    annotations = {"rollout.argoproj.io/workload-generation": "7"}
    status = {**UNDER_WAY, "phase": "Healthy", "workloadObservedGeneration": "6"}
    assert read(status, spec=spec, annotations=annotations).phase is Phase.PROGRESSING


def test_a_change_that_the_controller_has_overlooked_is_noted() -> None:
    assert read({**UNDER_WAY, "observedGeneration": "2"}).notes == (
        "its controller has not taken up the newest change yet",
    )
    assert read(UNDER_WAY).notes == ()


def test_another_author_of_the_step_is_named() -> None:
    def hand(manager: str) -> dict[str, Any]:
        return {"manager": manager, "subresource": "status", "fieldsV1": {"f:status": {"f:currentStepIndex": {}}}}

    assert read(UNDER_WAY, managedFields=[hand("kubectl-argo-rollouts")]).changed_by == "kubectl-argo-rollouts"
    assert read(UNDER_WAY, managedFields=[hand("rollouts-controller")]).changed_by is None
    assert read(UNDER_WAY, managedFields=[hand("warroom")]).changed_by is None


def test_what_was_seen_survives_the_journal_letter_by_letter() -> None:
    seen = GuardToken.of(
        rollout({**UNDER_WAY, "pauseConditions": PAUSED, "currentStepIndex": 1}, spec={"paused": True})
    )
    assert GuardToken.parse(str(seen)) == seen
    assert seen.pauses == (("CanaryPauseStep", "2026-01-01T09:59:00Z"),)


@pytest.mark.parametrize("text", ["", "null", "[1]", "{}", '[1,"a","b",[["x"]],"","",""]'])
def test_what_cannot_have_been_seen_is_refused(text: str) -> None:
    assert GuardToken.parse(text) is None


# -- analyses --------------------------------------------------------------------------------------------------------


def run(step: str | None, *, phase: str = "Running", version: str = "1", terminate: bool = False) -> AnalysisRun:
    labels = {"rollouts-pod-template-hash": "new", "rollout-type": "Background" if step is None else "Step"}
    measured = [{"phase": "Successful", "value": "0.97", "finishedAt": "2026-01-01T09:59:30Z"}]
    result = {"name": "success-rate", "phase": phase, "successful": 3, "failed": 1, "measurements": measured}
    meta = {
        "name": f"web-new-{step}",
        "resourceVersion": version,
        "labels": labels | ({} if step is None else {"step-index": step}),
        "ownerReferences": [{"uid": "u", "controller": True}],
    }
    status = {"phase": phase, "metricResults": [result]}
    return AnalysisRun.model_validate({"metadata": meta, "spec": {"terminate": terminate}, "status": status})


def test_an_analysis_is_a_line_with_its_counts_and_its_last_measurement() -> None:
    assert lines([run("4")]) == ("analysis step 4 success-rate: Running, 3 ok, 1 failed, last 0.97",)
    assert lines([run(None)])[0].startswith("analysis background success-rate: Running")


def test_only_the_runs_of_this_rollouts_present_version_count() -> None:
    status = {**UNDER_WAY, "currentPodHash": "newer"}
    assert runs_of(rollout(status), [run("4")]) == ()
    assert runs_of(rollout(UNDER_WAY), [run("4")]) != ()


def test_an_analysis_that_was_cut_short_is_reported() -> None:
    passed = rollout({**UNDER_WAY, "currentStepIndex": 5})
    whole = RolloutView(passed, (), (run("4", terminate=True),))
    reading = reading_of(TargetRef("api", "web"), whole, NOW, {})
    assert steps_read(reading).skipped == "the analysis of step 4 was cut short: the step was skipped"


@pytest.mark.parametrize("change", [{"abort": True}, {"promoteFull": True}, {"currentStepIndex": 4}])
def test_an_analysis_that_the_controller_itself_ended_is_not(change: dict[str, Any]) -> None:
    whole = RolloutView(rollout({**UNDER_WAY, "currentStepIndex": 5, **change}), (), (run("4", terminate=True),))
    assert steps_read(reading_of(TargetRef("api", "web"), whole, NOW, {})).skipped is None
