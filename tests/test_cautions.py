"""TLS that is not verified: it can be had, and then it is a line in every decision."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.transport import HttpOptions, Transport
from console.engine.backends import Backends
from console.engine.clock import SystemClock
from console.events.evidence import Verb
from console.events.kinds import DecisionTaken
from console.journal.postgres.url import Url
from console.plan.loader import parse
from console.state.card import card_for
from tests.engine_rig import ONE, war_room
from tests.rollout_rig import Story
from tests.states.pieces import with_local

URL = "https://flags.example"
SAID = "TLS IS NOT VERIFIED: flags.example:443 may be an impostor"
PLAN = """\
warroom: 1
rollout: open
backends:
  flags: {adapter: unleash, url: "https://flags.example", environment: prod, token: {env: WARROOM_TEST_TOKEN}, TLS}
  prom: {adapter: prometheus, url: "https://prom.example", TLS}
targets: {flag: {backend: flags}}
metrics: {errors: {backend: prom, bad: b, total: t, arms: {label: v, canary: c, baseline: b}}}
stages: [{name: ten, set: {flag: 10}}]
"""


def test_a_transport_that_verifies_nothing_says_so() -> None:
    for verify, said in ((True, ()), (False, (SAID,))):
        options = HttpOptions(url=URL, tls_verify=verify)
        assert Transport("flags", options, read_deadline_s=1, write_deadline_s=1).cautions == said


async def test_every_http_backend_of_a_plan_hands_it_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARROOM_TEST_TOKEN", "t")
    for key, count in (("tls_verify: false", 2), ("tls_verify: true", 0)):
        backends = Backends(parse(PLAN.replace("TLS", key), "plan.yaml"), SystemClock(), tmp_path)
        assert len(backends.cautions) == count
        assert all("TLS IS NOT VERIFIED" in line for line in backends.cautions)
        await backends.aclose()


@pytest.mark.parametrize("verb", Verb)
def test_it_stands_on_the_card_of_every_verb(verb: Verb) -> None:
    state = with_local(Story().open().promote().seen, cautions=(f"flags: {SAID}",))
    assert card_for(state, verb, "edge-zero").warnings[0] == f"flags: {SAID}"


async def test_it_is_recorded_with_every_decision_also_with_one_whose_card_did_not_show_it(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        before = console.intent(Verb.PROMOTE)
        console.engine.store.set_local(cautions=("edge: TLS IS NOT VERIFIED",))
        await console.engine.act(before)
        await console.act(Verb.HALT)
        await console.engine.store.wait_background()
        decisions = [event for event in room.events() if isinstance(event, DecisionTaken)]
        assert [decision.verb for decision in decisions] == [Verb.PROMOTE, Verb.HALT]
        assert all(decision.card.warnings[0] == "edge: TLS IS NOT VERIFIED" for decision in decisions)


async def test_an_engine_knows_the_cautions_of_its_backends(tmp_path: Path) -> None:
    async with war_room(tmp_path, ONE) as room:
        console = await room.console()
        assert console.state.local.cautions == ()


@pytest.mark.parametrize(
    ("url", "mode"),
    [
        ("postgresql://ana@db.example/warroom", "prefer"),
        ("postgresql://ana@db.example/warroom?sslmode=require", "require"),
        ("postgresql://ana@db.example/warroom?sslmode=verify-full", None),
        ("postgresql://ana@127.0.0.1:5433/warroom", None),
        ("postgresql:///warroom", None),
        ("postgresql:///warroom?host=/run/postgresql", None),
        ("postgresql:///warroom?host=db.example", "prefer"),
    ],
)
def test_a_journals_server_on_another_host_is_verified_or_a_warning_says_not(url: str, mode: str | None) -> None:
    assert Url(url).unverified_sslmode({}) == mode


def test_what_the_environment_says_of_a_journals_tls_holds() -> None:
    assert Url("postgresql://db.example/w").unverified_sslmode({"PGSSLMODE": "verify-full"}) is None
    assert Url("postgresql:///w").unverified_sslmode({"PGHOST": "db.example"}) == "prefer"
