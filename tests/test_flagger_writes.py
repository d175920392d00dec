"""Flagger's verbs over the fake cluster: what is sent, what is only answered later, what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from adapters.contract import (
    BadReply,
    Missing,
    Moved,
    Permit,
    Rejected,
    ServerFailed,
    Setting,
    TargetRef,
    WeightedBackend,
    Withdrawn,
)
from adapters.deploy.flagger.target import wanted_template
from tests.flagger_rig import ALL_GATES, END, GATES, LEAVE, WEB, Mesh, hook, read, target_object, under_way
from tests.kube_fake import Json, Sent
from tests.reading_rig import steps_read


@pytest.fixture
async def meshes() -> AsyncIterator[list[Mesh]]:
    made: list[Mesh] = []
    yield made
    for mesh in made:
        await mesh.aclose()


def mesh(meshes: list[Mesh], status: Json | None = None, **more: Any) -> Mesh:
    meshes.append(Mesh(status, **more))
    return meshes[-1]


async def test_a_promote_sends_nothing_and_is_left_to_the_gate(meshes: list[Mesh]) -> None:
    there = mesh(meshes, under_way(10))
    console = there.console()
    seen = await read(console)
    await console.advance(WEB, Setting(None, step=3), str(seen.versions.revision), LEAVE)
    assert there.cluster.writes == []
    assert console.step_calls(WEB, Setting(None, step=3), seen.versions.revision) == (
        "answers canaries/podinfo yes at its gates, once each, up to step 3, when Flagger asks",
    )


async def test_a_promote_of_what_stands_elsewhere_by_now_is_moved(meshes: list[Mesh]) -> None:
    there = mesh(meshes, under_way(10))
    console = there.console()
    seen = await read(console)
    there.becomes(canaryWeight=30)
    with pytest.raises(Moved, match="has changed since it was shown"):
        await console.advance(WEB, END, str(seen.versions.revision), LEAVE)


WAITS = {"phase": "Waiting"}


async def test_a_promote_of_what_waits_to_start_is_of_the_version_that_was_shown(meshes: list[Mesh]) -> None:
    there = mesh(meshes, WAITS)
    there.cluster.put("deployments", target_object("v2"))
    console = there.console()
    seen = await read(console)
    template = wanted_template(target_object("v2")).template[:8]
    (line,) = console.step_calls(WEB, Setting(None, step=2), seen.versions.revision)
    assert line.endswith(f"when Flagger asks, if template {template} is still set then")
    await console.advance(WEB, Setting(None, step=2), str(seen.versions.revision), LEAVE)
    there.cluster.put("deployments", target_object("v3"))
    with pytest.raises(Moved, match="has changed since it was shown"):
        await console.advance(WEB, Setting(None, step=2), str(seen.versions.revision), LEAVE)


def denied(sent: Sent) -> httpx.Response | None:
    return httpx.Response(403, json={"kind": "Status", "code": 403}) if "/deployments" in sent.path else None


async def test_without_leave_to_read_its_target_a_promote_is_of_whatever_is_set_and_says_so(meshes: list[Mesh]) -> None:
    there = mesh(meshes, WAITS)
    there.cluster.hook = denied
    console = there.console()
    seen = await read(console)
    assert seen.versions.release is None
    assert "unknown (you lack get on deployments in default)" in seen.notes[0]
    (line,) = console.step_calls(WEB, Setting(None, step=2), seen.versions.revision)
    assert line.endswith("when Flagger asks")
    await console.advance(WEB, Setting(None, step=2), str(seen.versions.revision), LEAVE)


async def test_who_may_not_read_the_target_can_promote_what_another_console_has_read(meshes: list[Mesh]) -> None:
    there = mesh(meshes, WAITS)
    seen = await read(there.console())
    there.cluster.hook = denied
    await there.console().advance(WEB, Setting(None, step=2), str(seen.versions.revision), LEAVE)


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ({"kind": "Service", "name": "podinfo"}, "its target is a Service"),
        ({"kind": "Deployment", "name": "gone"}, "there is no Deployment gone"),
    ],
)
async def test_a_target_without_a_readable_version_is_noted(meshes: list[Mesh], target: Json, why: str) -> None:
    seen = await read(mesh(meshes, WAITS, spec={"targetRef": target}).console())
    assert f"unknown ({why})" in seen.notes[0]


async def test_a_daemon_set_tells_its_version_too(meshes: list[Mesh]) -> None:
    there = mesh(meshes, WAITS, spec={"targetRef": {"kind": "DaemonSet", "name": "podinfo"}})
    there.cluster.put("daemonsets", target_object("v7", "DaemonSet"))
    assert str((await read(there.console())).versions.release).startswith("podinfo:v7 (template ")


async def test_a_target_that_does_not_answer_leaves_nothing_read(meshes: list[Mesh]) -> None:
    there = mesh(meshes, WAITS)
    there.cluster.hook = lambda sent: httpx.Response(500) if "/deployments" in sent.path else None
    with pytest.raises(ServerFailed):
        await read(there.console())


async def test_a_gate_that_closes_meanwhile_does_not_make_a_promote_lose(meshes: list[Mesh]) -> None:
    there = mesh(meshes, under_way(50))
    console = there.console()
    seen = await read(console)
    there.becomes(phase="WaitingPromotion")
    await console.advance(WEB, END, str(seen.versions.revision), LEAVE)


async def test_without_a_gate_of_ours_a_promote_is_refused(meshes: list[Mesh]) -> None:
    there = mesh(meshes, under_way(10), webhooks=[])
    console = there.console()
    seen = await read(console)
    with pytest.raises(Rejected, match="no gate stands at this step"):
        await console.advance(WEB, END, str(seen.versions.revision), LEAVE)


async def test_a_promote_whose_permit_has_lapsed_is_not_answered(meshes: list[Mesh]) -> None:
    console = mesh(meshes, under_way(10)).console()
    seen = await read(console)
    with pytest.raises(Withdrawn):
        await console.advance(WEB, END, str(seen.versions.revision), Permit("", lapsed=lambda: "halted"))


async def test_a_halt_of_a_canary_behind_our_gates_sends_nothing_and_says_so(meshes: list[Mesh]) -> None:
    there = mesh(meshes, under_way(10))
    console = there.console()
    await read(console)
    assert "keeps its gates closed" in console.capabilities(WEB).meaning["halt"]
    await console.pause(WEB, LEAVE)
    assert there.cluster.writes == []


async def test_a_halt_of_one_that_goes_on_by_itself_suspends_it_and_says_what_that_stops(meshes: list[Mesh]) -> None:
    there = mesh(meshes, under_way(10), webhooks=[hook("confirm-promotion")])
    console = there.console()
    await read(console)
    assert "failure limit and rollback stop too" in console.capabilities(WEB).meaning["halt"]
    await console.pause(WEB, LEAVE)
    assert there.spec["suspend"] is True
    await console.resume(WEB, LEAVE)
    assert there.spec["suspend"] is False


async def test_a_resume_of_what_is_not_suspended_is_moved(meshes: list[Mesh]) -> None:
    with pytest.raises(Moved):
        await mesh(meshes, under_way(10)).console().resume(WEB, LEAVE)


async def test_a_rollback_is_left_to_the_rollback_webhook(meshes: list[Mesh]) -> None:
    there = mesh(meshes, under_way(30))
    await there.console().withdraw(WEB, "v1", LEAVE)
    assert there.cluster.writes == []


async def test_a_rollback_of_a_suspended_canary_lets_flagger_look_at_it_again(meshes: list[Mesh]) -> None:
    there = mesh(meshes, under_way(30), spec={"suspend": True})
    console = there.console()
    seen = await read(console)
    await console.withdraw(WEB, "v1", LEAVE)
    assert there.spec["suspend"] is False
    first, second = console.step_calls(WEB, Setting(None, version="v1"), seen.versions.revision)
    assert first == "PATCH canaries/podinfo: test /spec/suspend true; add /spec/suspend false"
    assert "rollback webhook" in second


@pytest.mark.parametrize("status", [under_way(0, "Failed"), {"phase": "Initialized"}])
async def test_a_rollback_of_what_is_back_already_is_nothing(meshes: list[Mesh], status: Json) -> None:
    await mesh(meshes, status).console().withdraw(WEB, "v1", LEAVE)


@pytest.mark.parametrize(
    ("status", "webhooks", "why"),
    [
        (under_way(50, "Promoting"), ALL_GATES, "it is promoted"),
        (under_way(0, "Succeeded", lastPromotedSpec="v2"), ALL_GATES, "it is promoted"),
        (under_way(30), ALL_GATES[:3], "it has no rollback webhook that asks warroom"),
    ],
)
async def test_a_rollback_that_flagger_knows_no_way_for_is_refused(
    meshes: list[Mesh], status: Json, webhooks: list[Json], why: str
) -> None:
    with pytest.raises(Rejected, match=why):
        await mesh(meshes, status, webhooks=webhooks).console().withdraw(WEB, "v1", LEAVE)


async def test_skipping_the_analysis_is_guarded_by_the_release_and_can_be_taken_back(meshes: list[Mesh]) -> None:
    there = mesh(meshes, under_way(10))
    console = there.console()
    seen = await read(console)
    await console.order(WEB, "skip-analysis", str(seen.versions.revision), LEAVE)
    assert there.spec == {**there.spec, "skipAnalysis": True}
    assert there.cluster.writes[-1].path.endswith("/canaries/podinfo")
    await console.order(WEB, "keep-analysis", str(seen.versions.revision), LEAVE)
    assert there.spec == {**there.spec, "skipAnalysis": False}
    there.becomes(lastAppliedSpec="v3")
    with pytest.raises(Moved):
        await console.order(WEB, "skip-analysis", str(seen.versions.revision), LEAVE)


async def test_an_order_that_is_none_is_refused(meshes: list[Mesh]) -> None:
    console = mesh(meshes, under_way(10)).console()
    seen = await read(console)
    with pytest.raises(Rejected, match="Flagger has no 'levitate'"):
        await console.order(WEB, "levitate", str(seen.versions.revision), LEAVE)
    assert console.order_calls(WEB, "levitate", seen.versions.revision) == ()
    assert console.order_calls(WEB, "suspend", seen.versions.revision) == (
        "PATCH canaries/podinfo: add /spec/suspend true",
    )


async def test_weights_are_not_set(meshes: list[Mesh]) -> None:
    assert not isinstance(mesh(meshes).console(), WeightedBackend)


async def test_a_permission_that_is_missing_is_the_reason_and_not_for_a_halt_that_sends_nothing(
    meshes: list[Mesh],
) -> None:
    there = mesh(meshes, under_way(10))
    there.cluster.denied.add("patch canaries")
    console = there.console()
    await read(console)
    await there.clock.step(0.0)
    reading = await read(console)
    assert reading.cannot["skip-analysis"] == "you lack patch on canaries in default"
    assert "pause" not in reading.cannot
    assert "promote" not in reading.cannot


async def test_events_that_may_not_be_read_are_done_without(meshes: list[Mesh]) -> None:
    there = mesh(meshes, under_way(10))
    there.says("Halt podinfo.default advancement waiting for traffic increase approval gate", 5.0)
    console = there.console(gates=None)
    assert steps_read(await read(console)).waits is not None
    there.cluster.known.discard("events")
    assert steps_read(await read(console)).waits is None


async def test_events_are_asked_for_by_the_canary_they_are_about(meshes: list[Mesh]) -> None:
    there = mesh(meshes, under_way(10))
    await read(there.console())
    (asked,) = [sent for sent in there.cluster.sent if sent.path.endswith("/events")]
    assert asked.query["fieldSelector"] == "involvedObject.kind=Canary,involvedObject.name=podinfo"


async def test_what_is_not_there_or_is_no_canary_is_one_line(meshes: list[Mesh]) -> None:
    there = mesh(meshes)
    with pytest.raises(Missing, match='canaries "gone" not found'):
        await there.console().read_target(TargetRef("web", "gone"))
    there.cluster.change("canaries", "podinfo", lambda found: found["status"].update(canaryWeight="much"))
    with pytest.raises(BadReply, match=r"not what Flagger keeps: status\.canaryWeight"):
        await read(there.console())


@pytest.mark.parametrize(
    ("body", "target"),
    [
        (b'{"name": "podinfo", "namespace": "default", "phase": "Progressing", "checksum": "1"}', "web"),
        (b'{"name": "other", "namespace": "default"}', None),
        (b'{"name": "podinfo", "namespace": "test"}', None),
    ],
)
async def test_a_question_is_about_one_canary_of_one_namespace(
    meshes: list[Mesh], body: bytes, target: str | None
) -> None:
    ask = mesh(meshes).console().parse_gate_query(WEB, "rollback", body)
    assert (None if ask is None else ask.target) == target
    assert ask is None or ask.back


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"name": 5, "namespace": "x"}', b"\xff\xfe"])
async def test_a_body_that_is_no_question_is_refused(meshes: list[Mesh], body: bytes) -> None:
    with pytest.raises(BadReply, match="not a webhook call of Flagger"):
        mesh(meshes).console().parse_gate_query(WEB, "confirm-rollout", body)


def test_an_address_for_gates_has_to_be_one() -> None:
    from pydantic import ValidationError

    from adapters.deploy.flagger import Options

    assert Options(gates=f"{GATES}/").gates == GATES
    for wrong in ("warroom.ops:22800", "http://user:pw@x", "http://x?y=1", ""):
        with pytest.raises(ValidationError, match="is not an address"):
            Options(gates=wrong)
