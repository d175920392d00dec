"""Argo Rollouts: the adapter against a real API server, the real controller, and the vendor's own kubectl plugin.

Sequences A to D are those in which that plugin skips a step when two people promote.
"""

from __future__ import annotations

import asyncio
import http.server
import itertools
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.contract import (
    Gauge,
    HalfDone,
    MetricQuery,
    Moved,
    Phase,
    Setting,
    Shape,
    TargetReading,
    Wait,
    Window,
)
from adapters.deploy.argo.backend import Argo
from tests.live.kube.cluster import Cluster
from tests.live.kube.objects import DEPLOYMENTS, SERVICES, TEMPLATES, analysis, deployment, rollout, service
from tests.live.kube.rig import LEAVE, applied, argo_of, deployed, reading, status, target, until
from tests.reading_rig import steps_read

pytestmark = pytest.mark.live

PAUSE: dict[str, Any] = {"pause": {}}
_numbers = itertools.count(1)


def weight(percent: int) -> dict[str, Any]:
    return {"setWeight": percent}


@pytest.fixture
async def consoles(kube: Cluster) -> AsyncIterator[list[Argo]]:
    opened = [argo_of(kube) for _ in range(10)]
    yield opened
    await asyncio.gather(*(backend.aclose() for backend in opened))


@pytest.fixture
def name() -> str:
    """A Rollout of this test alone."""
    return f"web{next(_numbers)}"


@pytest.fixture
def measured() -> Iterator[tuple[str, dict[str, Any]]]:
    """A web server for analyses: its URL, and the dict whose "value" it answers."""
    answer: dict[str, Any] = {"value": 1}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", answer
    server.shutdown()
    server.server_close()


def at_gate(found: TargetReading) -> bool:
    return steps_read(found).waits is Wait.GATE


async def promote(backend: Argo, name: str, seen: TargetReading) -> None:
    await backend.advance(
        target(name), Setting(None, step=(steps_read(seen).step or 0) + 1), str(seen.versions.revision), LEAVE
    )


async def outcomes(*calls: Awaitable[None]) -> list[str]:
    ended = await asyncio.gather(*calls, return_exceptions=True)
    return sorted("accepted" if one is None else type(one).__name__ for one in ended)


async def seen_by(backends: list[Argo], name: str) -> list[TargetReading]:
    """What each console has on its screen: the rollout at a gate."""
    return list(await asyncio.gather(*(reading(backend, name, at_gate) for backend in backends)))


async def test_a_canary_climbs_from_gate_to_gate_and_is_promoted(
    kube: Cluster, consoles: list[Argo], name: str
) -> None:
    console = consoles[0]
    await deployed(kube, console, name, weight(20), PAUSE, weight(60), {"pause": {"duration": "2s"}}, PAUSE)
    seen = await reading(console, name, at_gate)
    assert (steps_read(seen).step, steps_read(seen).count, steps_read(seen).desired, seen.percent, seen.phase) == (
        1,
        5,
        20,
        20,
        Phase.PAUSED,
    )
    await promote(console, name, seen)
    timed = await reading(console, name, lambda found: steps_read(found).waits is Wait.TIMER)
    assert (steps_read(timed).step, steps_read(timed).until is not None) == (3, True)
    seen = await reading(console, name, at_gate)
    assert (steps_read(seen).step, seen.percent) == (4, 60)
    await promote(console, name, seen)
    done = await reading(console, name, lambda found: found.phase is Phase.HEALTHY)
    assert (steps_read(done).step, steps_read(done).at_rest, done.percent) == (5, True, 100)


@pytest.mark.parametrize("count", [2, 10])
async def test_sequence_a(kube: Cluster, consoles: list[Argo], name: str, count: int) -> None:
    """Everybody promotes at once, and the next step is a pause too."""
    await deployed(kube, consoles[0], name, weight(20), PAUSE, PAUSE, weight(60), PAUSE)
    seen = await seen_by(consoles[:count], name)
    calls = (promote(backend, name, saw) for backend, saw in zip(consoles, seen, strict=False))
    assert await outcomes(*calls) == ["Moved"] * (count - 1) + ["accepted"]
    after = await reading(consoles[0], name, lambda found: at_gate(found) and steps_read(found).step != 1)
    assert steps_read(after).step == 2


@pytest.mark.parametrize("count", [2, 10])
async def test_sequence_b(
    kube: Cluster, consoles: list[Argo], name: str, count: int, measured: tuple[str, dict[str, Any]]
) -> None:
    """The others promote when the controller has begun an analysis."""
    await asyncio.to_thread(kube.apply, TEMPLATES, analysis(name, measured[0], count=60))
    step = {"analysis": {"templates": [{"templateName": name}]}}
    await deployed(kube, consoles[0], name, weight(20), PAUSE, step, weight(60), PAUSE)
    seen = await seen_by(consoles[:count], name)
    await promote(consoles[0], name, seen[0])
    await reading(
        consoles[0], name, lambda found: steps_read(found).step == 2 and any("step 2" in note for note in found.notes)
    )
    calls = (promote(backend, name, saw) for backend, saw in zip(consoles[1:count], seen[1:], strict=True))
    assert await outcomes(*calls) == ["Moved"] * (count - 1)
    await asyncio.sleep(1)
    after = await consoles[0].read_target(target(name))
    assert (steps_read(after).step, steps_read(after).skipped) == (2, None)


@pytest.mark.parametrize("count", [2, 10])
async def test_sequence_c(kube: Cluster, consoles: list[Argo], name: str, count: int) -> None:
    """The others promote when the next pause stands."""
    await deployed(kube, consoles[0], name, weight(20), PAUSE, weight(60), PAUSE)
    seen = await seen_by(consoles[:count], name)
    await promote(consoles[0], name, seen[0])
    await reading(consoles[0], name, lambda found: at_gate(found) and steps_read(found).step == 3)
    calls = (promote(backend, name, saw) for backend, saw in zip(consoles[1:count], seen[1:], strict=True))
    assert await outcomes(*calls) == ["Moved"] * (count - 1)
    await asyncio.sleep(1)
    assert (status(kube, name)["currentStepIndex"], bool(status(kube, name)["pauseConditions"])) == (3, True)


@pytest.mark.parametrize("count", [2, 10])
async def test_sequence_d(
    kube: Cluster, consoles: list[Argo], name: str, count: int, measured: tuple[str, dict[str, Any]]
) -> None:
    """Paused by hand on an analysis: a resume resumes, and the analysis is not skipped."""
    await asyncio.to_thread(kube.apply, TEMPLATES, analysis(name, measured[0], count=60))
    await deployed(kube, consoles[0], name, weight(20), {"analysis": {"templates": [{"templateName": name}]}}, PAUSE)
    await reading(consoles[0], name, lambda found: steps_read(found).step == 1)
    await consoles[0].pause(target(name), LEAVE)
    for backend in consoles[:count]:
        held = await reading(backend, name, lambda found: steps_read(found).waits is Wait.MANUAL)
        assert held.cannot["promote"] == "it is paused by hand: resume it first"
    calls = (backend.resume(target(name), LEAVE) for backend in consoles[:count])
    assert await outcomes(*calls) == ["Moved"] * (count - 1) + ["accepted"]
    after = await reading(consoles[0], name, lambda found: found.phase is Phase.PROGRESSING)
    assert (steps_read(after).step, steps_read(after).skipped) == (1, None)


async def test_the_vendors_own_promote_used_twice_does_skip(
    kube: Cluster, consoles: list[Argo], name: str, measured: tuple[str, dict[str, Any]]
) -> None:
    """The hazard is real: without a guard the tests above would mean nothing. It is sequence B, which needs no luck."""
    await asyncio.to_thread(kube.apply, TEMPLATES, analysis(name, measured[0], count=60))
    step = {"analysis": {"templates": [{"templateName": name}]}}
    await deployed(kube, consoles[0], name, weight(20), PAUSE, step, PAUSE)
    await reading(consoles[0], name, at_gate)
    await asyncio.to_thread(kube.vendor, "promote", name)
    await reading(
        consoles[0], name, lambda found: steps_read(found).step == 2 and any("step 2" in note for note in found.notes)
    )
    await asyncio.to_thread(kube.vendor, "promote", name)
    after = await reading(consoles[0], name, lambda found: at_gate(found) and steps_read(found).step == 3)
    assert steps_read(after).skipped is not None


async def test_a_promote_by_the_vendors_tool_in_between_makes_ours_lose(
    kube: Cluster, consoles: list[Argo], name: str
) -> None:
    console = consoles[0]
    await deployed(kube, console, name, weight(20), PAUSE, weight(60), PAUSE)
    seen = await reading(console, name, at_gate)
    assert "promoted" in await asyncio.to_thread(kube.vendor, "promote", name)
    with pytest.raises(Moved):
        await promote(console, name, seen)
    await reading(console, name, lambda found: at_gate(found) and steps_read(found).step == 3)


async def test_an_analysis_that_the_vendors_tool_cuts_short_is_told(
    kube: Cluster, consoles: list[Argo], name: str, measured: tuple[str, dict[str, Any]]
) -> None:
    console = consoles[0]
    await asyncio.to_thread(kube.apply, TEMPLATES, analysis(name, measured[0], count=60))
    await deployed(kube, console, name, weight(20), {"analysis": {"templates": [{"templateName": name}]}}, PAUSE)
    running = await reading(
        console, name, lambda found: steps_read(found).step == 1 and any(" ok" in note for note in found.notes)
    )
    assert any(note.startswith("analysis step 1 success-rate: Running") for note in running.notes)
    await asyncio.to_thread(kube.vendor, "promote", name)
    after = await reading(console, name, lambda found: steps_read(found).skipped is not None)
    assert steps_read(after).skipped == "the analysis of step 1 was cut short: the step was skipped"


async def test_an_abort_a_retry_and_an_abort_of_what_is_finished(
    kube: Cluster, consoles: list[Argo], name: str
) -> None:
    console = consoles[0]
    await deployed(kube, console, name, weight(20), PAUSE, weight(60), PAUSE)
    seen = await reading(console, name, at_gate)
    await console.withdraw(target(name), seen.versions.baseline, LEAVE)
    aborted = await reading(console, name, lambda found: found.phase is Phase.ABORTED and found.percent == 0)
    assert aborted.satisfies(Setting(0, version=seen.versions.baseline))
    assert "RolloutAborted" in aborted.detail
    await console.order(target(name), "retry", str(aborted.versions.revision), LEAVE)
    again = await reading(console, name, at_gate)
    assert steps_read(again).step == 1
    await console.order(target(name), "promote-full", str(again.versions.revision), LEAVE)
    done = await reading(console, name, lambda found: found.phase is Phase.HEALTHY)
    assert done.cannot["abort"] == "nothing is under way"


async def test_the_way_back_from_a_promoted_version_does_not_wait_at_its_pauses(
    kube: Cluster, consoles: list[Argo], name: str
) -> None:
    console = consoles[0]
    await deployed(kube, console, name, weight(20), PAUSE, weight(60), PAUSE)
    seen = await reading(console, name, at_gate)
    await console.order(target(name), "promote-full", str(seen.versions.revision), LEAVE)
    await reading(console, name, lambda found: found.phase is Phase.HEALTHY)
    await console.withdraw(target(name), seen.versions.baseline, LEAVE)
    back = await reading(console, name, lambda found: found.phase is Phase.HEALTHY)
    assert back.versions.canary == seen.versions.baseline


async def test_the_way_back_while_it_is_promoted_in_full(kube: Cluster, consoles: list[Argo], name: str) -> None:
    """An abort would be discarded: the earlier version is set and promoted in full instead."""
    console = consoles[0]
    await deployed(kube, console, name, weight(20), PAUSE)
    seen = await reading(console, name, at_gate)
    await applied(kube, rollout(name, f"{name}:broken", {"canary": {"steps": [weight(20), PAUSE]}}))
    broken = await reading(
        console, name, lambda found: found.versions.canary != seen.versions.canary and steps_read(found).step == 0
    )
    await console.order(target(name), "promote-full", str(broken.versions.revision), LEAVE)
    full = await reading(console, name, lambda found: "abort" in found.cannot)
    assert full.cannot["abort"] == "it is being promoted in full: only an undo goes back"
    await console.withdraw(target(name), seen.versions.baseline, LEAVE)
    back = await reading(console, name, lambda found: found.phase is Phase.HEALTHY)
    assert back.versions.canary == seen.versions.baseline


async def test_an_inconclusive_analysis_waits_for_a_judgement_and_is_accepted_once(
    kube: Cluster, consoles: list[Argo], name: str, measured: tuple[str, dict[str, Any]]
) -> None:
    measured[1]["value"] = 0.5
    await asyncio.to_thread(kube.apply, TEMPLATES, analysis(name, measured[0], inconclusive=True))
    step = {"analysis": {"templates": [{"templateName": name}]}}
    await deployed(kube, consoles[0], name, weight(20), step, PAUSE, PAUSE)
    judged = [
        await reading(backend, name, lambda found: steps_read(found).waits is Wait.JUDGEMENT)
        for backend in consoles[:4]
    ]
    assert judged[0].cannot["promote"] == "its analysis was inconclusive: accept it, or roll back"
    calls = (
        backend.order(target(name), "accept", str(saw.versions.revision), LEAVE)
        for backend, saw in zip(consoles, judged, strict=False)
    )
    assert await outcomes(*calls) == ["Moved"] * 3 + ["accepted"]
    after = await reading(consoles[0], name, at_gate)
    assert steps_read(after).step == 2


async def test_a_failed_analysis_aborts_by_itself(
    kube: Cluster, consoles: list[Argo], name: str, measured: tuple[str, dict[str, Any]]
) -> None:
    measured[1]["value"] = -1
    await asyncio.to_thread(kube.apply, TEMPLATES, analysis(name, measured[0]))
    await deployed(kube, consoles[0], name, weight(20), {"analysis": {"templates": [{"templateName": name}]}}, PAUSE)
    aborted = await reading(consoles[0], name, lambda found: found.phase is Phase.ABORTED)
    assert any("success-rate: Failed" in note for note in aborted.notes)


async def test_a_blue_green_waits_with_its_preview_and_is_promoted(
    kube: Cluster, consoles: list[Argo], name: str
) -> None:
    console = consoles[0]
    for kind in ("active", "preview"):
        await asyncio.to_thread(kube.apply, SERVICES, service(f"{name}-{kind}", name))
    green = {"activeService": f"{name}-active", "previewService": f"{name}-preview", "autoPromotionEnabled": False}
    await deployed(kube, console, name, strategy={"blueGreen": green})
    seen = await seen_by(consoles[:4], name)
    assert (steps_read(seen[0]).step, steps_read(seen[0]).count, seen[0].percent) == (0, 1, 0)
    calls = (promote(backend, name, saw) for backend, saw in zip(consoles, seen, strict=False))
    assert await outcomes(*calls) == ["Moved"] * 3 + ["accepted"]
    done = await reading(console, name, lambda found: found.phase is Phase.HEALTHY)
    assert (steps_read(done).step, done.percent, steps_read(done).at_rest) == (1, 100, True)
    await taken_back(console, name, seen[0].versions.baseline)
    await reading(
        console, name, lambda found: steps_read(found).at_rest and found.versions.canary == seen[0].versions.baseline
    )


async def taken_back(console: Argo, name: str, version: str | None) -> None:
    """The way back, repeated as its own words say for as long as the controller has not taken it up."""
    for _ in range(4):
        try:
            return await console.withdraw(target(name), version, LEAVE)
        except HalfDone:
            continue
    return await console.withdraw(target(name), version, LEAVE)


async def test_a_rollout_of_a_deployments_template_is_undone_where_the_template_is(
    kube: Cluster, consoles: list[Argo], name: str
) -> None:
    console = consoles[0]
    ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": f"{name}-d"}
    await asyncio.to_thread(kube.apply, DEPLOYMENTS, {**deployment(f"{name}-d", f"{name}:1", replicas=0)})
    steps = {"canary": {"steps": [weight(50), PAUSE]}}
    made = rollout(name, "", steps, replicas=2, workloadRef=ref)
    made["spec"].pop("selector")
    made["spec"]["selector"] = {"matchLabels": {"app": f"{name}-d"}}
    await applied(kube, made)
    await reading(console, name, lambda found: found.phase is Phase.HEALTHY)
    await asyncio.to_thread(kube.apply, DEPLOYMENTS, {**deployment(f"{name}-d", f"{name}:2", replicas=0)})
    seen = await reading(console, name, at_gate)
    assert f"its template is that of Deployment {name}-d" in seen.notes
    await console.order(target(name), "promote-full", str(seen.versions.revision), LEAVE)
    await reading(console, name, lambda found: found.phase is Phase.HEALTHY)
    await console.withdraw(target(name), seen.versions.baseline, LEAVE)
    back = await reading(
        console, name, lambda found: steps_read(found).at_rest and found.versions.canary == seen.versions.baseline
    )
    assert back.phase in (Phase.HEALTHY, Phase.PROGRESSING)


async def test_an_undo_to_a_revision_that_was_named(kube: Cluster, consoles: list[Argo], name: str) -> None:
    console = consoles[0]
    await deployed(kube, console, name, weight(20), PAUSE)
    seen = await reading(console, name, at_gate)
    await console.order(target(name), "undo 1", str(seen.versions.revision), LEAVE)
    back = await reading(console, name, lambda found: steps_read(found).at_rest)
    assert back.versions.canary == seen.versions.baseline
    with pytest.raises(Moved):
        await console.order(target(name), "undo 2", str(seen.versions.revision), LEAVE)


async def test_every_console_sees_a_change_by_its_watch(kube: Cluster, consoles: list[Argo], name: str) -> None:
    await deployed(kube, consoles[0], name, weight(20), PAUSE)
    await seen_by(consoles, name)
    await asyncio.to_thread(kube.vendor, "abort", name)
    for backend in consoles:
        await reading(backend, name, lambda found: found.phase is Phase.ABORTED)
    await until(lambda: asyncio.sleep(0, status(kube, name)), lambda found: found.get("abort"))


async def test_what_a_background_analysis_measures_is_a_metric_and_its_errors_are_dirty(
    kube: Cluster, consoles: list[Argo], name: str, measured: tuple[str, dict[str, Any]]
) -> None:
    measured[1]["value"] = 1.5
    template = analysis(name, measured[0], count=0)
    template["spec"]["metrics"][0].update(failureLimit=1000, consecutiveErrorLimit=1000)
    await asyncio.to_thread(kube.apply, TEMPLATES, template)
    background = {"templates": [{"templateName": name}], "startingStep": 1}
    strategy = {"canary": {"steps": [weight(20), PAUSE], "analysis": background}}
    console = consoles[0]
    await deployed(kube, console, name, strategy=strategy)
    await reading(console, name, at_gate)

    async def values() -> tuple[set[float], str | None]:
        query = MetricQuery("success", Shape.GAUGE, value="success-rate", target=target(name))
        now = datetime.now(UTC)
        [found] = await console.read_metrics(
            [query], Window(now - timedelta(minutes=5), now + timedelta(seconds=10), 1)
        )
        assert all(entry.baseline is None for entry in found.readings)
        gauges = [entry.canary for entry in found.readings if isinstance(entry.canary, Gauge)]
        return {gauge.value for gauge in gauges}, found.partial or found.problem

    await until(values, lambda found: found == ({1.5}, None))
    measured[1]["value"] = 2
    await until(values, lambda found: found == ({1.5, 2.0}, None))
    measured[1]["value"] = "no number"
    _, odd = await until(values, lambda found: found[1] is not None)
    assert "dirty sample" in odd


async def test_a_mark_moves_no_step_and_is_removed(kube: Cluster, consoles: list[Argo], name: str) -> None:
    console, other = consoles[:2]
    await deployed(kube, console, name, weight(20), PAUSE, weight(60), PAUSE)
    seen = await reading(console, name, at_gate)
    await console.mark(target(name), "0123456789ab checkout/3 ops-1", LEAVE)
    shown = await reading(other, name, lambda found: bool(found.marks))
    assert (shown.marks, shown.steps, shown.percent) == (("0123456789ab checkout/3 ops-1",), seen.steps, 20)
    await promote(console, name, seen)  # what was seen before the mark still guards
    await reading(console, name, lambda found: at_gate(found) and found.percent == 60)
    await other.unmark(target(name), shown.marks[0], LEAVE)
    assert (await reading(console, name, lambda found: not found.marks)).percent == 60
