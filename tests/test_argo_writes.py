"""What is sent to a Rollout: one pause released once, whoever else acts; every way back. FAKE cluster and controller.

Sequences A to D are those in which the vendor's own tool skips a step when two people promote.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable

import httpx
import pytest

from adapters.contract import (
    BackendError,
    Forbidden,
    HalfDone,
    Missing,
    Moved,
    Permit,
    Phase,
    Rejected,
    Setting,
    Throttled,
    Wait,
    Withdrawn,
)
from adapters.deploy.argo.backend import Argo
from tests.argo_fake import ANALYSIS, PAUSE, pause, weight
from tests.argo_rig import LEAVE, WEB, Site, promote, read
from tests.kube_fake import Gone, Json, settle
from tests.reading_rig import steps_read

BACK = Setting(0, version="h1")


@pytest.fixture
async def site(request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    steps: list[Json] = getattr(request, "param", [weight(20), PAUSE, PAUSE, ANALYSIS, weight(60), PAUSE])
    made = Site(*steps)
    yield made
    await made.aclose()


def of(*steps: Json) -> pytest.MarkDecorator:
    """A test on a Rollout of these steps."""
    return pytest.mark.parametrize("site", [list(steps)], indirect=True)


async def at_the_pause(site: Site, consoles: int) -> list[Argo]:
    """Consoles that have all seen the rollout stand at its first pause."""
    site.controller.settle()
    backends = [site.console() for _ in range(consoles)]
    for backend in backends:
        assert steps_read(await read(backend)).waits is Wait.GATE
    return backends


async def outcomes(*calls: Awaitable[None]) -> list[str]:
    """How each call ended: "accepted", or the name of its error."""
    ended = await asyncio.gather(*calls, return_exceptions=True)
    return ["accepted" if one is None else type(one).__name__ for one in ended]


# -- going on --------------------------------------------------------------------------------------------------------


async def test_a_promote_ends_the_pause_it_saw_and_nothing_else(site: Site) -> None:
    (console,) = await at_the_pause(site, 1)
    await promote(console, await read(console))
    assert site.patches == ["status: remove /status/pauseConditions"]
    tested = [one["path"] for one in site.cluster.writes[0].body if one["op"] == "test"]
    assert tested == ["/status/currentStepIndex", "/status/currentPodHash", "/status/pauseConditions"]
    assert (await read(console)).phase is Phase.PROGRESSING


@pytest.mark.parametrize("consoles", [2, 10])
async def test_sequence_a_everybody_promotes_before_the_controller_looks(site: Site, consoles: int) -> None:
    """The next step is a pause too: the vendor's tool would release it as well."""
    backends = await at_the_pause(site, consoles)
    seen = [await read(backend) for backend in backends]
    ended = await outcomes(*(promote(backend, saw) for backend, saw in zip(backends, seen, strict=True)))
    assert sorted(ended) == ["Moved"] * (consoles - 1) + ["accepted"]
    site.controller.settle()
    assert (site.controller.index(), site.controller.finished) == (2, ["setWeight 0", "pause 1"])
    assert site.controller.status()["pauseConditions"]


@pytest.mark.parametrize("consoles", [2, 10])
@of(weight(20), PAUSE, ANALYSIS, weight(60), PAUSE)
async def test_sequence_b_the_others_come_after_the_controller_has_begun_an_analysis(site: Site, consoles: int) -> None:
    backends = await at_the_pause(site, consoles)
    seen = [await read(backend) for backend in backends]
    await promote(backends[0], seen[0])
    site.controller.settle()
    assert site.controller.index() == 2
    ended = await outcomes(*(promote(backend, saw) for backend, saw in zip(backends[1:], seen[1:], strict=True)))
    assert ended == ["Moved"] * (consoles - 1)
    site.controller.settle()
    assert (site.controller.index(), site.controller.finished) == (2, ["setWeight 0", "pause 1"])


@pytest.mark.parametrize("consoles", [2, 10])
async def test_sequence_c_the_others_come_when_the_next_pause_stands(site: Site, consoles: int) -> None:
    backends = await at_the_pause(site, consoles)
    seen = [await read(backend) for backend in backends]
    await promote(backends[0], seen[0])
    await site.clock.step(1)
    site.controller.settle()
    assert (site.controller.index(), bool(site.controller.status()["pauseConditions"])) == (2, True)
    ended = await outcomes(*(promote(backend, saw) for backend, saw in zip(backends[1:], seen[1:], strict=True)))
    assert ended == ["Moved"] * (consoles - 1)
    assert (site.controller.index(), bool(site.controller.status()["pauseConditions"])) == (2, True)


@pytest.mark.parametrize("consoles", [2, 10])
@of(weight(20), PAUSE, ANALYSIS, weight(60), PAUSE)
async def test_sequence_d_a_resume_on_an_analysis_only_resumes(site: Site, consoles: int) -> None:
    backends = await at_the_pause(site, consoles)
    await promote(backends[0], await read(backends[0]))
    site.controller.settle()
    await backends[0].pause(WEB, LEAVE)
    site.controller.settle()
    await settle()
    for backend in backends:
        reading = await read(backend)
        assert (steps_read(reading).waits, reading.cannot["promote"]) == (
            Wait.MANUAL,
            "it is paused by hand: resume it first",
        )
    ended = await outcomes(*(backend.resume(WEB, LEAVE) for backend in backends))
    assert sorted(ended) == ["Moved"] * (consoles - 1) + ["accepted"]
    site.controller.settle()
    assert (site.controller.index(), site.controller.finished) == (2, ["setWeight 0", "pause 1"])


async def test_the_fake_controller_does_skip_when_the_vendors_tool_is_used_twice(site: Site) -> None:
    """The hazard is there: without our guard the tests above would mean nothing."""
    site.controller.settle()
    site.controller.vendor_promote()
    site.controller.vendor_promote()
    site.controller.settle()
    assert (site.controller.index(), site.controller.finished) == (3, ["setWeight 0", "pause 2"])


async def test_a_vendors_promote_in_between_makes_ours_lose(site: Site) -> None:
    (console,) = await at_the_pause(site, 1)
    seen = await read(console)
    site.controller.vendor_promote()
    with pytest.raises(Moved, match="web has changed since it was shown"):
        await promote(console, seen)
    assert (await read(console)).cannot["promote"] == "it goes on by itself: there is no pause to end"


@of(weight(20), pause(300), weight(60), PAUSE)
async def test_a_timed_pause_can_be_ended_early_but_not_once_it_is_over(site: Site) -> None:
    site.controller.settle()
    console = site.console()
    seen = await read(console)
    assert steps_read(seen).waits is Wait.TIMER
    await site.clock.step(301)
    site.controller.settle()
    with pytest.raises(Moved):
        await promote(console, seen)
    assert site.controller.index() == 3


async def test_where_no_pause_was_seen_nothing_is_sent(site: Site) -> None:
    console = site.console()
    seen = await read(console)
    with pytest.raises(Rejected, match="not sent: it stood at no pause when you decided"):
        await promote(console, seen)
    assert site.cluster.writes == []


async def test_a_promote_whose_permit_has_lapsed_is_not_sent(site: Site) -> None:
    (console,) = await at_the_pause(site, 1)
    seen = await read(console)
    with pytest.raises(Withdrawn):
        await console.advance(
            WEB, Setting(None, step=2), str(seen.versions.revision), Permit("", lapsed=lambda: "halted")
        )
    assert site.cluster.writes == []


async def test_a_rollout_that_has_just_changed_is_left_to_its_controller_for_a_moment(site: Site) -> None:
    (console,) = await at_the_pause(site, 1)
    seen = await read(console)
    site.cluster.bookmark()
    site.cluster.change("rollouts", "web", lambda found: found["status"].update(availableReplicas=4))
    await settle()
    console.sender.settle_s = 1.0
    task = asyncio.create_task(promote(console, seen))
    await settle()
    assert site.cluster.writes == []
    await site.clock.step(1.0)
    await task
    assert len(site.cluster.writes) == 1


# -- orders ----------------------------------------------------------------------------------------------------------


async def ordered(console: Argo, order: str) -> None:
    await console.order(WEB, order, str((await read(console)).versions.revision), LEAVE)


@of(weight(20), ANALYSIS, PAUSE)
async def test_a_skip_leaves_the_step_that_was_seen_once(site: Site) -> None:
    site.controller.settle()
    consoles = [site.console() for _ in range(10)]
    seen = [str((await read(console)).versions.revision) for console in consoles]
    skips = (console.order(WEB, "skip", saw, LEAVE) for console, saw in zip(consoles, seen, strict=True))
    ended = await outcomes(*skips)
    assert sorted(ended) == ["Moved"] * 9 + ["accepted"]
    site.controller.settle()
    assert (site.controller.index(), site.controller.finished) == (2, ["setWeight 0"])


async def test_promote_full_goes_past_everything(site: Site) -> None:
    (console,) = await at_the_pause(site, 1)
    await ordered(console, "promote-full")
    assert "it is being promoted in full: an abort is ignored, only an undo goes back" in (await read(console)).notes
    site.controller.settle()
    await settle()
    assert (await read(console)).phase is Phase.HEALTHY


async def test_a_retry_begins_again_and_is_only_for_an_aborted_rollout(site: Site) -> None:
    (console,) = await at_the_pause(site, 1)
    with pytest.raises(Moved):
        await ordered(console, "retry")
    await ordered(console, "abort")
    site.controller.settle()
    await settle()
    assert (await read(console)).phase is Phase.ABORTED
    await ordered(console, "retry")
    assert (await read(console)).phase is Phase.PROGRESSING
    site.controller.settle()
    assert site.controller.index() == 1


def _inconclusive(site: Site) -> None:
    def edit(found: Json) -> None:
        began = "2026-01-01T10:00:00Z"
        found["status"].update(
            phase="Paused",
            controllerPause=True,
            pauseConditions=[{"reason": "InconclusiveAnalysisRun", "startTime": began}],
            canary={"currentStepAnalysisRunStatus": {"name": "r", "status": "Inconclusive"}},
        )

    site.cluster.change("rollouts", "web", edit)


@of(weight(20), ANALYSIS, PAUSE, PAUSE)
async def test_an_inconclusive_analysis_is_accepted_as_such_and_by_nothing_else(site: Site) -> None:
    site.controller.settle()
    console, other = site.console(), site.console()
    _inconclusive(site)
    seen = await read(console)
    assert (steps_read(seen).waits, seen.cannot["promote"]) == (
        Wait.JUDGEMENT,
        "its analysis was inconclusive: accept it, or roll back",
    )
    later = await read(other)
    await ordered(console, "accept")
    with pytest.raises(Moved):
        await other.order(WEB, "accept", str(later.versions.revision), LEAVE)
    site.controller.settle()
    assert (site.controller.index(), bool(site.controller.status()["pauseConditions"])) == (2, True)


async def test_an_undo_names_its_revision_and_loses_when_another_was_set(site: Site) -> None:
    (console,) = await at_the_pause(site, 1)
    seen = str((await read(console)).versions.revision)
    with pytest.raises(Rejected, match=r"not sent: no revision '9' \(there are: 1, 2\)"):
        await console.order(WEB, "undo 9", seen, LEAVE)
    site.cluster.change(
        "rollouts", "web", lambda it: it["metadata"]["annotations"].update({"rollout.argoproj.io/revision": "3"})
    )
    with pytest.raises(Moved):
        await console.order(WEB, "undo 1", seen, LEAVE)
    await settle()
    await ordered(console, "undo 1")
    template = site.cluster.objects["rollouts"]["web"]["spec"]["template"]
    assert template["spec"]["containers"][0]["image"] == "web:1"
    assert "rollouts-pod-template-hash" not in template["metadata"]["labels"]


async def test_a_restart_is_dated(site: Site) -> None:
    (console,) = await at_the_pause(site, 1)
    await ordered(console, "restart")
    assert site.cluster.objects["rollouts"]["web"]["spec"]["restartAt"] == "2026-01-01T10:00:00Z"


async def test_what_argo_has_not_is_not_sent(site: Site) -> None:
    (console,) = await at_the_pause(site, 1)
    with pytest.raises(Rejected, match="Argo Rollouts has no 'fly'"):
        await ordered(console, "fly")


@pytest.mark.parametrize("order", ["skip", "accept", "promote-full", "retry", "abort", "undo 1", "restart"])
async def test_the_card_says_what_would_be_sent_and_sends_nothing(site: Site, order: str) -> None:
    (console,) = await at_the_pause(site, 1)
    (line,) = console.order_calls(WEB, order, (await read(console)).versions.revision)
    assert line.startswith("PATCH rollouts/web")
    assert site.cluster.writes == []


# -- the way back ----------------------------------------------------------------------------------------------------


async def back(console: Argo) -> None:
    await console.withdraw(WEB, "h1", LEAVE)


async def test_the_way_back_from_a_canary_is_an_abort_whatever_moved_since(site: Site) -> None:
    (console,) = await at_the_pause(site, 1)
    site.controller.vendor_promote()
    site.controller.settle()
    await back(console)
    site.controller.settle()
    await settle()
    assert site.patches == ["status: add /status/abort"]
    reading = await read(console)
    assert (reading.phase, reading.satisfies(BACK)) == (Phase.ABORTED, True)


async def test_ten_consoles_that_roll_back_at_once_all_may(site: Site) -> None:
    backends = await at_the_pause(site, 10)
    assert await outcomes(*(back(backend) for backend in backends)) == ["accepted"] * 10
    site.controller.settle()
    assert site.controller.status()["abort"] is True


async def test_what_is_back_already_is_sent_nothing(site: Site) -> None:
    (console,) = await at_the_pause(site, 1)
    await back(console)
    site.controller.settle()
    sent = len(site.cluster.writes)
    await back(console)
    assert len(site.cluster.writes) == sent


async def promoted(site: Site, console: Argo) -> None:
    await ordered(console, "promote-full")
    site.controller.settle()
    await settle()
    assert steps_read(await read(console)).at_rest


async def reconciling(site: Site) -> None:
    """The controller looks every now and then, as it does."""
    while True:
        await asyncio.sleep(0.05)
        site.controller.settle()


async def test_the_way_back_from_a_promoted_version_is_the_earlier_one_past_its_steps(site: Site) -> None:
    (console,) = await at_the_pause(site, 1)
    await promoted(site, console)
    controller = asyncio.create_task(reconciling(site))
    await back(console)
    controller.cancel()
    site.controller.settle()
    await settle()
    assert site.patches[-2:] == ["spec: replace /spec/template", "status: add /status/promoteFull"]
    reading = await read(console)
    assert (reading.versions.canary, reading.phase) == ("h1", Phase.HEALTHY)


async def test_credentials_that_end_between_the_two_calls_of_the_way_back_leave_it_half_done(site: Site) -> None:
    (console,) = await at_the_pause(site, 1)
    await promoted(site, console)
    refused = httpx.Response(401, json=Gone(401, "Unauthorized", "Unauthorized").body)
    set_already = ["spec: replace /spec/template"]
    site.cluster.hook = lambda sent: refused if sent.method == "GET" and site.patches[-1:] == set_already else None
    with pytest.raises(HalfDone, match="the earlier template is set; then answered 401: Unauthorized"):
        await back(console)


async def test_an_earlier_version_that_is_not_taken_up_in_time_is_half_done_and_finished_by_a_repeat(
    site: Site,
) -> None:
    (console,) = await at_the_pause(site, 1)
    await promoted(site, console)
    slow = site.console(deadline_s=0.4)
    with pytest.raises(HalfDone, match="its controller has not taken it up: press r to finish"):
        await back(slow)
    site.controller.settle()
    await back(console)
    site.controller.settle()
    await settle()
    assert (await read(console)).versions.canary == "h1"


async def test_the_way_back_while_it_is_promoted_in_full_is_no_abort_which_would_be_ignored(site: Site) -> None:
    (console,) = await at_the_pause(site, 1)
    await ordered(console, "promote-full")
    controller = asyncio.create_task(reconciling(site))
    await back(console)
    controller.cancel()
    assert "status: add /status/abort" not in site.patches
    assert site.cluster.objects["rollouts"]["web"]["spec"]["template"]["spec"]["containers"][0]["image"] == "web:1"


async def test_an_earlier_version_that_is_gone_is_missing(site: Site) -> None:
    (console,) = await at_the_pause(site, 1)
    await promoted(site, console)
    site.cluster.delete("replicasets", "web-h1")
    await settle()
    with pytest.raises(Missing, match="version h1 no longer has a ReplicaSet"):
        await back(console)


async def test_a_workload_that_is_referred_to_is_undone_where_its_template_is(site: Site) -> None:
    (console,) = await at_the_pause(site, 1)
    deployment = {"metadata": {"name": "web-d"}, "spec": {"template": {"metadata": {}, "spec": {}}}}
    site.cluster.put("deployments", deployment)
    site.cluster.change(
        "rollouts", "web", lambda it: it["spec"].update(workloadRef={"kind": "Deployment", "name": "web-d"})
    )
    site.controller.settle()
    await settle()
    await ordered(console, "undo 1")
    assert site.cluster.writes[-1].path.endswith("/deployments/web-d")
    containers = site.cluster.objects["deployments"]["web-d"]["spec"]["template"]["spec"]["containers"]
    assert containers[0]["image"] == "web:1"


# -- refusals --------------------------------------------------------------------------------------------------------


async def test_a_permission_that_is_missing_is_known_before_the_key(site: Site) -> None:
    site.cluster.denied = {"patch rollouts/status"}
    (console,) = await at_the_pause(site, 1)
    await settle()
    cannot = (await read(console)).cannot
    assert cannot["promote"] == cannot["abort"] == "you lack patch on rollouts/status in default"
    assert "pause" not in cannot


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (403, Forbidden, 'admission webhook "freeze.corp" denied the request: change freeze'),
        (400, Rejected, 'admission webhook "freeze.corp" denied the request: change freeze'),
        (429, Throttled, "too many requests, please try again later"),
    ],
)
async def test_a_refusal_is_verbatim_and_nothing_is_sent_twice(
    site: Site, code: int, kind: type[BackendError], words: str
) -> None:
    (console,) = await at_the_pause(site, 1)
    seen = await read(console)
    refusal = Gone(code, "", words)

    site.cluster.hook = lambda sent: httpx.Response(code, json=refusal.body) if sent.method == "PATCH" else None
    with pytest.raises(kind) as caught:
        await promote(console, seen)
    assert words in str(caught.value)
    assert len(site.cluster.writes) == 1


async def test_after_a_refusal_the_next_read_asks_the_cluster(site: Site) -> None:
    (console,) = await at_the_pause(site, 1)
    seen = await read(console)
    site.cluster.mute = True
    site.controller.vendor_promote()
    with pytest.raises(Moved):
        await promote(console, seen)
    assert (await read(console)).phase is Phase.PROGRESSING
