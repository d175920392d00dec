"""Plans that are valid: what the loader makes of them."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

import console
from adapters.contract import ArmLabels, Kind, Setting, Shape, TargetRef
from adapters.registry import load as load_adapter
from console.plan.loader import PlanError, load, parse, warnings
from console.plan.nouns import Role, Team, Timing
from tests.plan_rig import CHECKOUT, PLANS, plan

EMBEDDED = (PLANS / "embedded.yaml").read_text(encoding="utf-8")
DEMO = Path(console.__file__).parent / "demo.yaml"
SMALLEST = """\
warroom: 1
rollout: small
backends: {world: {adapter: embedded}}
targets: {api: {backend: world}}
stages: [{name: all, set: {api: 100}}]
"""


def embedded(targets: str, stages: str = "{name: all, set: {api: 100}}") -> Kind:
    """The kind of target `api` in a plan on the embedded world, which has deploys and flags."""
    text = "warroom: 1\nrollout: small\nbackends: {world: {adapter: embedded}}\n"
    return parse(f"{text}targets: {{api: {targets}}}\nstages: [{stages}]\n", "plan.yaml").targets["api"].kind


def test_a_whole_plan_is_read_in_the_order_of_the_file() -> None:
    checkout = plan()
    assert (checkout.rollout, checkout.title, checkout.risk) == ("checkout-v2", "Checkout v2", "high")
    assert list(checkout.backends) == ["edge", "flags", "prom"]
    assert list(checkout.metrics) == ["errors", "fast", "memory"]
    assert [stage.name for stage in checkout.stages] == ["smoke", "five", "flag-ten", "migrate", "full"]
    assert checkout.teams["payments"] == Team("payments", "@payments-lead", ("#payments-oncall",))


def test_targets_know_their_kind_from_their_adapter() -> None:
    targets = plan().targets
    assert targets["api"].ref == TargetRef("api", "checkout", "canary", "stable", kind=Kind.DEPLOY)
    assert (targets["api"].kind, targets["api"].team) == (Kind.DEPLOY, "payments")
    assert (targets["flag"].kind, targets["flag"].ref.name) == (Kind.FLAGS, "new-checkout")


def test_a_metric_has_its_queries_and_its_numbers_in_plain_units() -> None:
    errors = plan().metrics["errors"]
    assert errors.query.shape is Shape.COUNTS
    assert errors.query.bad == 'http_requests_total{app="checkout",code=~"5.."}'
    assert errors.query.arms == ArmLabels("version", "canary", "stable")
    assert errors.role is Role.CRITICAL
    assert (errors.tolerance, errors.pass_below, errors.stale_after_s) == (1.25, 2.0, 30.0)
    assert errors.limit == pytest.approx(0.05)
    assert errors.negligible == pytest.approx(0.001)


def test_a_gauges_limit_is_a_level() -> None:
    assert plan().metrics["memory"].limit == 2_000_000_000


def test_a_deploy_is_set_to_a_percentage_and_a_flag_is_switched_on_with_it() -> None:
    assert dict(plan().stages[2].sets) == {"api": Setting(25), "flag": Setting(10, on=True)}


def test_off_leaves_a_flags_percentage_alone() -> None:
    steps = plan().rollback
    assert steps is not None
    assert dict(steps[0].sets) == {"flag": Setting(None, on=False)}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("on", Setting(100, on=True)),
        ("0", Setting(0, on=True)),
        ('"25%"', Setting(25, on=True)),
        ("OFF", Setting(None, on=False)),
    ],
)
def test_a_flag_takes_words_and_numbers(written: str, meant: Setting) -> None:
    assert plan(("flag: 10}", f"flag: {written}}}")).stages[2].sets["flag"] == meant


def test_a_manual_stage_sets_nothing() -> None:
    migrate = plan().stages[3]
    assert (migrate.manual, migrate.one_way, dict(migrate.sets)) == ("run migration 042", True, {})


def test_the_smallest_plan_gets_every_default() -> None:
    small = parse(SMALLEST, "plan.yaml")
    assert (small.title, small.risk, small.rollback, small.timing) == ("small", "medium", None, Timing())
    assert (small.targets["api"].ref.name, small.stages[0].bake_s, dict(small.metrics)) == ("api", 0.0, {})


def test_an_empty_rollback_is_not_a_derived_one() -> None:
    assert parse(SMALLEST + "rollback: []\n", "plan.yaml").rollback == ()


def test_a_team_needs_nothing_but_its_name() -> None:
    assert parse(SMALLEST + "teams:\n  web:\n", "plan.yaml").teams["web"] == Team("web")


def test_an_embedded_metric_needs_no_queries() -> None:
    query = parse(EMBEDDED, "plan.yaml").metrics["errors"].query
    assert (query.shape, query.texts(), query.arms) == (Shape.COUNTS, (), None)


def test_options_are_plain_data_that_the_adapter_takes_again() -> None:
    spec = plan().backends["flags"]
    assert spec.options["token"] == {"env": "UNLEASH_TOKEN"}
    assert "adapter" not in spec.options
    load_adapter(spec.adapter).options.model_validate(spec.options)


def test_the_target_is_what_it_says_it_is() -> None:
    assert embedded("{backend: world, name: the-flag, kind: deploy}") is Kind.DEPLOY
    assert embedded("{backend: world, kind: flag}") is Kind.FLAGS


def test_a_target_that_is_switched_on_is_a_flag() -> None:
    assert embedded("{backend: world}", "{name: all, set: {api: on}}") is Kind.FLAGS


def test_a_target_called_a_flag_is_one() -> None:
    assert embedded("{backend: world, name: NewFlag}") is Kind.FLAGS


def test_any_other_target_is_a_deploy() -> None:
    assert embedded("{backend: world}") is Kind.DEPLOY
    assert embedded("{backend: world, canary: a, baseline: b}") is Kind.DEPLOY


def test_a_query_may_have_several_lines() -> None:
    block = "bad: |\n      sum(x)  # errors\n      / 2\n    total"
    errors = plan(('bad: \'http_requests_total{app="checkout",code=~"5.."}\'\n    total', block)).metrics["errors"]
    assert errors.query.bad == "sum(x)  # errors\n/ 2"


def test_the_file_is_kept_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    data = CHECKOUT.replace("\n", "\r\n").encode()
    file.write_bytes(data)
    loaded = load(file)
    assert (loaded.digest, loaded.text.encode(), loaded.path) == (hashlib.sha256(data).hexdigest(), data, str(file))


def test_a_byte_order_mark_does_no_harm() -> None:
    assert parse("\ufeff" + SMALLEST, "plan.yaml").rollout == "small"


def test_the_demo_shows_everything_in_a_few_minutes() -> None:
    demo = load(DEMO)
    assert warnings(demo) == ()
    assert len(demo.teams) >= 2
    assert {metric.role for metric in demo.metrics.values()} == set(Role)
    assert {target.kind for target in demo.targets.values()} == {Kind.DEPLOY, Kind.FLAGS}
    assert any(stage.manual and stage.one_way for stage in demo.stages)
    assert sum(stage.bake_s for stage in demo.stages) <= 6 * 60


def test_a_missing_file_names_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "checkout.yaml").write_text(CHECKOUT, encoding="utf-8")
    with pytest.raises(PlanError, match=r"cannot be read: No such file or directory; did you mean 'checkout.yaml'\?"):
        load(tmp_path / "chekout.yaml")


def test_a_directory_is_not_a_plan(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="is a directory"):
        load(tmp_path)


def test_a_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "plan.yaml")
    with pytest.raises(PlanError, match="not a regular file"):
        load(tmp_path / "plan.yaml")


def test_a_path_with_a_nul_is_a_problem_like_any_other() -> None:
    with pytest.raises(PlanError, match="cannot be read"):
        load(Path("a\0b.yaml"))


def test_text_in_another_encoding_is_told_by_its_line(tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    file.write_bytes(b"warroom: 1\ntitle: caf\xe9\n")
    with pytest.raises(PlanError, match=r"plan.yaml:2: is not UTF-8 text"):
        load(file)


def test_a_huge_file_is_not_read_as_a_plan(tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text("# filler\n" * 100_000, encoding="utf-8")
    with pytest.raises(PlanError, match="larger than 256 KiB"):
        load(file)


def test_importing_the_package_brings_neither_yaml_nor_pydantic() -> None:
    code = "import sys, console.plan.nouns; print([m for m in ('ruamel.yaml', 'pydantic') if m in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
