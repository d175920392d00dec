"""The sample plan and the moment at which every sample State is seen. No State here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from adapters.contract import (
    ArmLabels,
    Kind,
    MetricQuery,
    Setting,
    Shape,
    TargetRef,
)
from console.events.evidence import Actor
from console.plan.nouns import BackendSpec, Metric, Plan, Role, Stage, Step, Target, Team, Timing

NOW = datetime(2026, 3, 8, 3, 12, 0, tzinfo=UTC)
"""`as_of` of every state here."""
OPENED = NOW - timedelta(minutes=25)
TICK_S = 10.0
ANA = Actor(uid=1001, user="ana", host="bastion-1", pid=4242)
BEN = Actor(uid=1002, user="ben", host="bastion-1", pid=4343, claims={"SSH_CLIENT": "10.0.0.7"})


def ago(seconds: float) -> datetime:
    """The moment `seconds` before NOW."""
    return NOW - timedelta(seconds=seconds)


STAGES = (
    Stage("one", {"edge": Setting(1)}, bake_s=300, min_requests=500, team="web"),
    Stage("five", {"edge": Setting(5), "new-checkout": Setting(5, on=True)}, bake_s=300, min_requests=2000, team="web"),
    Stage("migrate", manual="orders table is migrated", one_way=True, team="data"),
    Stage("half", {"edge": Setting(50), "new-checkout": Setting(50, on=True)}, bake_s=600, team="web"),
    Stage("all", {"edge": Setting(100), "new-checkout": Setting(100, on=True)}, team="web"),
)
STEPS = (
    Step("flag-off", {"new-checkout": Setting(None, on=False)}, team="web"),
    Step("edge-zero", {"edge": Setting(0)}, needs=("flag-off",), team="web"),
    Step("tell-data", manual="tell the data team that orders v1 is live again", needs=("edge-zero",), team="data"),
)
ARMS = ArmLabels("version", canary="v42", baseline="v41")
ERRORS = Metric(MetricQuery("errors", Shape.COUNTS, ARMS, total="http_total", bad="http_5xx"), "prom", limit=0.05)
LATENCY = Metric(MetricQuery("slow", Shape.GOOD_TOTAL, ARMS, total="http_total", good="http_fast"), "prom")
CPU = Metric(MetricQuery("cpu", Shape.GAUGE, ARMS, value="cpu_used"), "prom", role=Role.INFO)
METRICS = {metric.name: metric for metric in (ERRORS, LATENCY, CPU)}

PLAN = Plan(
    rollout="checkout-v42",
    title="Checkout v42: new payment flow",
    risk="high",
    teams={"web": Team("web", "ana", ("ana", "ben")), "data": Team("data", "dora")},
    backends={
        "edge-lb": BackendSpec("edge-lb", "haproxy", (Kind.DEPLOY,)),
        "flags": BackendSpec("flags", "unleash", (Kind.FLAGS,)),
        "prom": BackendSpec("prom", "prometheus", (Kind.METRICS,)),
    },
    targets={
        "edge": Target(TargetRef("edge", "be_checkout", "v42", "v41"), "edge-lb", Kind.DEPLOY, "web"),
        "new-checkout": Target(TargetRef("new-checkout", "new_checkout"), "flags", Kind.FLAGS, "web"),
    },
    metrics=METRICS,
    stages=STAGES,
    rollback=STEPS,
    timing=Timing(),
    path="checkout-v42.yaml",
    digest="ab" * 32,
    text="rollout: checkout-v42\n",
)
