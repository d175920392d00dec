"""A controller that overlooks a call of ours is woken, once. FAKE cluster; the controller is looked at by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest

from adapters.contract import Moved, Setting
from adapters.deploy.argo.backend import Argo
from tests.argo_fake import PAUSE, weight
from tests.argo_rig import LEAVE, WEB, Site, promote, read
from tests.kube_fake import Gone, settle

WOKEN = "spec: add /metadata/annotations/warroom~1woken-at"
Verb = Callable[[Argo, str], Awaitable[None]]


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    made = Site(weight(20), PAUSE, PAUSE)
    made.controller.settle()
    yield made
    await made.aclose()


def impatient(site: Site, deadline_s: float = 2.0) -> Argo:
    """A console that wakes a controller after a tenth of a second."""
    console = site.console(deadline_s)
    console.sender.wake_s = 0.1
    return console


async def once(site: Site, sent: str) -> None:
    """The controller overlooks everything until a call of this kind has come; then it looks."""
    while not any(sent in path for path in site.patches):  # noqa: ASYNC110 - a fake cluster tells nobody
        await asyncio.sleep(0.01)
    site.controller.settle()


VERBS: dict[str, Verb] = {
    "promote": lambda console, seen: console.advance(WEB, Setting(None, step=2), seen, LEAVE),
    "pause": lambda console, _: console.pause(WEB, LEAVE),
    "undo": lambda console, seen: console.order(WEB, "undo 1", seen, LEAVE),
    "restart": lambda console, seen: console.order(WEB, "restart", seen, LEAVE),
    "promote-full": lambda console, seen: console.order(WEB, "promote-full", seen, LEAVE),
    "abort": lambda console, seen: console.order(WEB, "abort", seen, LEAVE),
    "rollback": lambda console, _: console.withdraw(WEB, "h1", LEAVE),
}


@pytest.mark.parametrize("verb", VERBS)
async def test_a_call_that_is_overlooked_is_followed_by_one_annotation(site: Site, verb: str) -> None:
    console = impatient(site)
    await VERBS[verb](console, str((await read(console)).versions.revision))
    assert len(site.patches) == 2
    assert site.patches[1] == WOKEN


@pytest.mark.parametrize("verb", VERBS)
async def test_a_call_that_its_controller_answers_is_followed_by_nothing(site: Site, verb: str) -> None:
    console = impatient(site)
    console.sender.wake_s = 1.0
    seen = str((await read(console)).versions.revision)
    controller = asyncio.create_task(once(site, "/"))
    await VERBS[verb](console, seen)
    await controller
    assert len(site.patches) == 1
    assert WOKEN not in site.patches


async def test_a_call_that_is_refused_is_followed_by_nothing(site: Site) -> None:
    console = impatient(site)
    seen = await read(console)
    site.cluster.change("rollouts", "web", lambda found: found["status"].update(currentStepIndex=2))
    with pytest.raises(Moved):
        await promote(console, seen)
    assert WOKEN not in site.patches


async def test_an_annotation_that_is_refused_changes_nothing_of_what_was_accepted(site: Site) -> None:
    refused = httpx.Response(403, json=Gone(403, "Forbidden", "no").body)
    site.cluster.hook = lambda sent: refused if sent.method == "PATCH" and "woken" in str(sent.body) else None
    console = impatient(site)
    await promote(console, await read(console))
    assert site.patches == ["status: remove /status/pauseConditions", WOKEN]


async def test_an_annotation_that_hangs_does_not_make_an_accepted_call_late(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    console = impatient(site, deadline_s=2.0)

    async def hang(*_: object) -> None:
        hung.set()
        await asyncio.Event().wait()

    hung = asyncio.Event()
    monkeypatch.setattr(console.sender, "wake", hang)
    seen = await read(console)
    async with asyncio.timeout(2.0):  # as the engine's, around every verb
        await promote(console, seen)
    assert hung.is_set()


async def test_a_controller_that_overlooked_the_earlier_version_is_woken_once_and_the_way_back_goes_on(
    site: Site,
) -> None:
    console = impatient(site)
    await VERBS["promote-full"](console, str((await read(console)).versions.revision))
    site.controller.settle()
    await settle()
    before = len(site.patches)
    controller = asyncio.create_task(once_again(site, before))
    await VERBS["rollback"](console, "")
    controller.cancel()
    assert site.patches[before:] == ["spec: replace /spec/template", WOKEN, "status: add /status/promoteFull"]


async def once_again(site: Site, after: int) -> None:
    """The controller overlooks the template, hears of the annotation, and is awake from then on."""
    while WOKEN not in site.patches[after:]:  # noqa: ASYNC110 - a fake cluster tells nobody
        await asyncio.sleep(0.01)
    while True:
        site.controller.settle()
        await asyncio.sleep(0.02)
