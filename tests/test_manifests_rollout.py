"""An Argo Rollout as a plan: a stage for every pause, its analyses as metrics, and what is in neither."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.contract import LAST_STEP
from console.manifests.draft_start import NoChoice
from console.manifests.writer import plan_text, summary
from tests.manifests_rig import MANIFESTS, analysed, drafted_from, from_files, objects, planned, rollout

GOLDEN = MANIFESTS / "rollout.plan.yaml"
"""What `warroom init --from tests/manifests/rollout.yaml tests/manifests/templates.yaml -o -` writes: read it."""


def test_a_whole_rollout_becomes_a_plan_worth_reading() -> None:
    text = plan_text(from_files("rollout.yaml", "templates.yaml"), ["rollout.yaml", "templates.yaml"])
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_a_whole_rollout_becomes_a_plan_that_checks() -> None:
    plan = planned(from_files("rollout.yaml", "templates.yaml"))
    steps = [(stage.name, [setting.step for setting in stage.sets.values()], stage.bake_s) for stage in plan.stages]
    assert steps == [("5pct", [1], 300.0), ("25pct", [4], 300.0), ("50pct", [7], 5400.0), ("full", [LAST_STEP], 0.0)]
    assert plan.backends["cluster"].options == {"namespace": "shop"}


@pytest.mark.parametrize(
    ("steps", "stages"),
    [
        ("[{setWeight: 20}, {pause: {}}, {pause: {duration: 10}}]", [("20pct", 1, 300.0), ("step-2", 2, 10.0)]),
        ("[{pause: {}}, {setWeight: 100}, {pause: {duration: 1m}}]", [("step-0", 0, 300.0), ("100pct", 2, 60.0)]),
        ("[{setWeight: 20}, {pause: }]", [("20pct", 1, 300.0)]),
        ("[{setWeight: 20, setCanaryScale: {replicas: 2}}, {pause: {duration: '90'}}]", [("20pct", 1, 90.0)]),
        ("[{setWeight: 20}, {analysis: {templates: [{templateName: t}]}}]", []),
        ("[]", []),
    ],
)
def test_every_pause_ends_a_stage(steps: str, stages: list[tuple[str, int, float]]) -> None:
    plan = planned(drafted_from(rollout(f"{{canary: {{steps: {steps}}}}}")))
    found = [(stage.name, setting.step, stage.bake_s) for stage in plan.stages for setting in stage.sets.values()]
    assert found[:-1] == stages
    assert found[-1][0] == "full"


def test_weights_are_told_of_the_routers_whole() -> None:
    said = "{canary: {trafficRouting: {maxTrafficWeight: 1000}, steps: [{setWeight: 50}, {pause: {}}]}}"
    assert planned(drafted_from(rollout(said))).stages[0].name == "5pct"


@pytest.mark.parametrize(
    ("said", "bakes"),
    [
        ("autoPromotionEnabled: false", {"preview": 300.0, "full": 0.0}),
        ("autoPromotionSeconds: 90", {"preview": 90.0, "full": 0.0}),
        ("autoPromotionEnabled: false, autoPromotionSeconds: 90", {"preview": 300.0, "full": 0.0}),
        ("activeService: web", {"full": 0.0}),
    ],
)
def test_a_blue_green_waits_where_argo_waits(said: str, bakes: dict[str, float]) -> None:
    plan = planned(drafted_from(rollout(f"{{blueGreen: {{{said}}}}}")))
    assert {stage.name: stage.bake_s for stage in plan.stages} == bakes


def test_the_two_services_of_a_blue_green_are_the_arms() -> None:
    template = """\
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: t}
spec:
  metrics:
    - name: errors
      failureCondition: result[0] > 0.1
      provider: {prometheus: {query: 'sum(rate(a{to="next",e="1"}[1m])) / sum(rate(a{to="next"}[1m]))'}}
"""
    said = (
        "{blueGreen: {activeService: now, previewService: next, "
        "prePromotionAnalysis: {templates: [{templateName: t}]}}}"
    )
    arms = planned(drafted_from(rollout(said), template)).metrics["errors"].query.arms
    assert arms is not None
    assert (arms.label, arms.canary, arms.baseline) == ("to", "next", "now")


def test_labels_that_only_canary_pods_have_tell_the_arms_apart() -> None:
    template = """\
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: t}
spec:
  metrics:
    - name: errors
      failureCondition: result[0] > 0.1
      provider: {prometheus: {query: 'sum(rate(a{role="new",e="1"}[1m])) / sum(rate(a{role="new"}[1m]))'}}
"""
    said = (
        "{canary: {canaryMetadata: {labels: {role: new}}, stableMetadata: {labels: {role: old}}, "
        "analysis: {templates: [{templateName: t}]}}}"
    )
    arms = planned(drafted_from(rollout(said), template)).metrics["errors"].query.arms
    assert arms is not None
    assert (arms.label, arms.canary, arms.baseline) == ("role", "new", "old")


@pytest.mark.parametrize(
    ("step", "what"),
    [
        (
            "{experiment: {templates: [{name: a}], analyses: [{name: x, templateName: t}]}}",
            ["experiment", "analysis t"],
        ),
        ("{setHeaderRoute: {name: insiders}}", ["header route"]),
        ("{setMirrorRoute: {name: m}}", ["mirror route"]),
        ("{plugin: {name: argoproj/x}}", ["plugin argoproj/x"]),
        ("{levitate: {height: 3}}", ["step levitate"]),
        ("{analysis: {templates: [{templateName: gone}]}}", ["analysis gone"]),
    ],
)
def test_what_is_not_in_the_plan_is_named_in_it_and_by_the_summary(step: str, what: list[str]) -> None:
    draft = drafted_from(rollout(f"{{canary: {{steps: [{{setWeight: 5}}, {step}]}}}}"))
    assert [one.what for one in draft.unmapped] == what
    text = plan_text(draft, ["a.yaml"])
    assert all(f"# - {name}: " in text for name in what)
    assert "not in it, and named at its top" in summary(draft)
    planned(draft)


def test_one_check_at_two_steps_is_one_metric() -> None:
    template = """\
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: t}
spec: {metrics: [{name: load, successCondition: result < 9, provider: {prometheus: {query: load}}}]}
"""
    step = "{analysis: {templates: [{templateName: t}]}}"
    draft = drafted_from(rollout(f"{{canary: {{steps: [{step}, {{setWeight: 5}}, {step}]}}}}"), template)
    assert [metric.name for metric in draft.metrics] == ["load"]


def test_templates_that_name_each_other_end() -> None:
    template = """\
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: t}
spec: {templates: [{templateName: t}]}
"""
    draft = drafted_from(rollout("{canary: {analysis: {templates: [{templateName: t}]}}}"), template)
    assert [one.why for one in draft.unmapped] == ["its templates name each other"]


def test_a_template_that_nothing_names_is_told_unless_another_rollout_may_mean_it() -> None:
    template = "{apiVersion: argoproj.io/v1alpha1, kind: AnalysisTemplate, metadata: {name: t}, spec: {}}"
    alone = drafted_from(rollout("{canary: {}}"), template)
    assert [one.what for one in alone.unmapped] == ["AnalysisTemplate t"]
    beside = drafted_from(rollout("{canary: {}}"), template, rollout("{canary: {}}", name="other"), only="web")
    assert beside.unmapped == []


def test_names_that_a_plan_does_not_take_are_made_fit() -> None:
    draft = drafted_from(rollout("{canary: {}}", name="x" * 80))
    assert planned(draft).rollout == "x" * 60
    assert planned(draft).targets["x" * 60].ref.name == "x" * 80


def test_text_of_a_manifest_never_acts_on_a_terminal_or_on_the_plan() -> None:
    steps = '[{plugin: {name: "a\\n  b: c\\u202e"}}, {"x\\e]52;c;aGk=\\a": {}}, {pause: {}}]'
    draft = drafted_from(rollout(f"{{canary: {{steps: {steps}}}}}"))
    text = plan_text(draft, ["a.yaml\n\x1b[2J"])
    assert "\x1b" not in text
    assert "\u202e" not in text
    planned(draft)


@pytest.mark.parametrize("name", ['""', "Web", '"a b"', '"web\\e]52;c;aGk=\\a"', "https://u:p@x"])
def test_a_name_that_kubernetes_does_not_take_is_refused(name: str) -> None:
    with pytest.raises(NoChoice, match=r"a\.yaml:1: .*(is not the name of a Rollout|without metadata.name)"):
        drafted_from(rollout("{canary: {}}", name=name))


def test_a_namespace_that_is_none_is_refused() -> None:
    with pytest.raises(NoChoice, match="'Not One' is not the name of a namespace"):
        drafted_from(rollout("{canary: {}}").replace("namespace: shop", "namespace: Not One"))


@pytest.mark.parametrize(("duration", "bake"), [("2160h", 604_800.0), ("soon", 300.0), ("0", 300.0)])
def test_a_pause_that_a_plan_cannot_say_is_the_longest_or_without_an_end(duration: str, bake: float) -> None:
    steps = f"[{{setWeight: 5}}, {{pause: {{duration: {duration}}}}}]"
    assert planned(drafted_from(rollout(f"{{canary: {{steps: {steps}}}}}"))).stages[0].bake_s == bake


def test_a_password_in_a_url_is_neither_a_value_nor_a_comment() -> None:
    draft = drafted_from(*analysed('up{url="https://ann:secret@x"}', "failureCondition: result > 1"))
    assert "holds a URL with a password" in draft.unmapped[0].why
    assert "secret" not in plan_text(draft, ["a.yaml"]).replace("holds a secret", "")


def test_without_a_rollout_it_says_what_there_is() -> None:
    with pytest.raises(NoChoice, match=r"no Rollout.* in the files; there is 2 Service, 1 ConfigMap"):
        drafted_from(
            "{apiVersion: v1, kind: Service}\n---\n{apiVersion: v1, kind: Service}\n---\n"
            "{apiVersion: v1, kind: ConfigMap}"
        )


def test_of_several_one_has_to_be_named(tmp_path: Path) -> None:
    texts = [rollout("{canary: {}}", name="a"), rollout("{canary: {}}", name="b")]
    with pytest.raises(NoChoice, match="there are Rollout/a, Rollout/b: name one with --only"):
        drafted_from(*texts)
    assert drafted_from(*texts, only="b").name == "b"
    assert drafted_from(*texts, only="rollout/a").name == "a"
    with pytest.raises(NoChoice, match="no c in the files; there are Rollout/a, Rollout/b"):
        drafted_from(*texts, only="c")


def test_a_namespace_that_the_manifest_does_not_say_can_be_given() -> None:
    said = rollout("{canary: {}}").replace(", namespace: shop", "")
    assert planned(drafted_from(said, namespace="prod")).backends["cluster"].options == {"namespace": "prod"}
    assert planned(drafted_from(said)).backends["cluster"].options == {}
    assert objects(said)[0].namespace is None
