"""The verbs of Unleash: read a flag, set it, switch it.

This module has the calls, their order, and the meaning of their errors. Unleash has no compare-and-swap: the JSON
Patch `test` we send catches a change made since our read but not one made in the same moment, so every write is read
back. Wire format: Unleash's admin API, docs.getunleash.io/api-overview, checked against 7.5 and 8.2.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ValidationError

from adapters.contract.backends import Capabilities
from adapters.contract.context import Context, Permit
from adapters.contract.errors import (
    BackendError,
    BadReply,
    Forbidden,
    HalfDone,
    Missing,
    Moved,
    NeedsApproval,
    NotSent,
    OutcomeUnknown,
    Rejected,
    ServerFailed,
    TimedOut,
)
from adapters.contract.targets import Setting, TargetReading, TargetRef
from adapters.flags.unleash.calls import OFF, ON, UnleashCall, create_strategy, patch_percentage
from adapters.flags.unleash.feature import Feature, FlagState, UnleashEvents, flag_state
from adapters.flags.unleash.tags import FeatureMarks
from adapters.sanitize import first_flaw, one_line
from adapters.transport import HttpBackend, Reply, Transport

_VERB = "set_flag"
_CHANGE_REQUEST = re.compile(r"change[ _-]?request", re.IGNORECASE)
_UNREAD = FlagState(on=False, percent=None, strategy="<its strategy>", rollout="")
"""The state that `calls` assumes of a flag that was not read yet."""

M = TypeVar("M", bound=BaseModel)


@dataclass(slots=True)
class _Progress:
    """The progress of a change: the accepted calls, and whether any was sent."""

    sent: bool = False
    accepted: list[str] = field(default_factory=list)


class Unleash(HttpBackend):
    """The features of one project in one environment."""

    def __init__(self, context: Context, transport: Transport, project: str, environment: str) -> None:
        super().__init__(transport)
        self._context = context
        self._project = project
        self._environment = environment
        self._last: dict[TargetRef, tuple[FlagState, str | None]] = {}
        """Target -> its state and its author, as last read."""
        self._events_readable = True
        self._marks = FeatureMarks(transport, context.clock)

    def capabilities(self, target: TargetRef) -> Capabilities:
        """A switch and a percentage; Unleash moves nothing by itself."""
        follow = "applications follow at their next poll (15 s in most SDKs)"
        return Capabilities(
            repeatable=True,
            meaning={
                "promote": f"sets the percentage, then switches on in {self._environment}; {follow}",
                "halt": "nothing is called: the flag stays as it is",
                "rollback": f"switches off in {self._environment}, or sets the earlier percentage; {follow}",
            },
        )

    async def read_target(self, target: TargetRef) -> TargetReading:
        """Read the flag in this environment, and who changed it last.

        The author is read only when the flag reads differently than last time, and only where the token may see events.

        Raises:
            Missing: no such feature, project or environment, or the feature is archived.
        """
        state, reply = await self._state(target)
        last, author = self._last.get(target, (None, None))
        if last != state:
            author = await self._author(target)
            self._marks.forget(target.name)
        self._last[target] = (state, author)
        return TargetReading(
            target=target.target,
            at=reply.date or self._context.clock.now(),
            percent=state.percent,
            on=state.on,
            detail=state.detail,
            problem=state.problem,
            changed_by=author,
            marks=await self._marks.marks_of(target.name, self._context.read_deadline_s / 4),
        )

    async def mark(self, target: TargetRef, text: str, permit: Permit) -> None:
        """Tag the feature. Raises BackendError; Forbidden without UPDATE_FEATURE in its project."""
        self._feature(target, "mark")
        await self._marks.add(target.name, text, permit)

    async def unmark(self, target: TargetRef, text: str, permit: Permit) -> None:
        """Remove the tag of a mark, if it is there. Raises BackendError, as `mark`."""
        self._feature(target, "unmark")
        await self._marks.remove(target.name, text, permit)

    def calls(self, target: TargetRef, setting: Setting) -> tuple[str, ...]:
        """List the calls of `set_flag` for the flag's last reading."""
        try:
            calls = self._calls(target, setting, self._last.get(target, (_UNREAD, None))[0])
        except Rejected as error:
            return (error.reason,)
        return tuple(f"{call.method} .../environments/{self._environment}/{call.text}" for call in calls)

    async def set_flag(self, target: TargetRef, setting: Setting, permit: Permit) -> None:
        """Make the flag read as `setting`.

        Off is one call. Anything else is: read, set the percentage (or create the strategy with it), read back, switch
        on, read back; a part that already reads as wanted is not sent. Switching on is never sent before a strategy
        with the wanted percentage was read back, because Unleash would expose every user.

        Raises:
            Moved: the percentage was changed since it was read; nothing was changed by us.
            HalfDone: something was accepted, and what came after it failed, was withdrawn or reads differently.
            NotSent: the flag could not be read first. Withdrawn: the permit had lapsed.
            NeedsApproval: the environment wants a change request.
            Rejected: the setting or the flag as it stands cannot be driven, or Unleash refused.
        """
        if setting.on is False:
            for call in self._calls(target, setting, _UNREAD):
                await self._send(target, call, permit)
            return
        progress = _Progress()
        try:
            async with asyncio.timeout(self._context.write_deadline_s):
                await self._set(target, setting, permit, progress)
        except TimeoutError:
            late = f"no whole answer within {self._context.write_deadline_s:g} s"
            raise self._with_progress(TimedOut(self.source, _VERB, late), progress) from None
        except BackendError as error:
            raise self._with_progress(error, progress) from error

    async def _set(self, target: TargetRef, setting: Setting, permit: Permit, progress: _Progress) -> None:
        state, _ = await self._state(target)
        calls = self._calls(target, setting, state)
        while calls:
            progress.sent = True
            await self._send(target, calls[0], permit)
            progress.accepted.append(calls[0].text)
            state, _ = await self._state(target)
            left = self._calls(target, setting, state)
            if left and left != calls[1:]:
                raise HalfDone(self.source, _VERB, f"it reads {state} now")
            calls = left

    def _with_progress(self, error: BackendError, progress: _Progress) -> BackendError:
        """Turn the error of one call into that of the whole change."""
        if progress.accepted:
            words = f"{', '.join(progress.accepted)} accepted; then {error.reason}"
            return HalfDone(self.source, _VERB, one_line(words))
        if not progress.sent and isinstance(error, OutcomeUnknown):
            return NotSent(self.source, _VERB, one_line(f"not sent: it could not be read first: {error.reason}"))
        return error

    def _calls(self, target: TargetRef, setting: Setting, state: FlagState) -> tuple[UnleashCall, ...]:
        """List the calls that a flag in `state` still needs. Raises Rejected where it cannot be driven."""
        self._feature(target, _VERB)
        if setting.on is False:
            return (OFF,)
        percent = setting.percent
        if percent is not None and not 0 <= percent <= 100:
            raise Rejected(self.source, _VERB, f"not sent: {percent} is not a percentage 0..100")
        if state.problem is not None:
            raise Rejected(self.source, _VERB, one_line(f"not sent: {state.problem}"))
        calls: list[UnleashCall] = []
        if percent is not None and state.strategy is None:
            calls.append(create_strategy(target.name, str(percent)))
        elif percent is not None and state.rollout != str(percent):
            calls.append(patch_percentage(state, str(percent)))
        elif state.strategy is None:
            raise Rejected(self.source, _VERB, "not sent: it has no strategy, so switching on would expose every user")
        if setting.on and not state.on:
            calls.append(ON)
        return tuple(calls)

    async def _send(self, target: TargetRef, call: UnleashCall, permit: Permit) -> None:
        path = f"{self._feature(target, _VERB)}/environments/{quote(self._environment, safe='')}{call.path}"
        try:
            reply = await self.transport.write(call.method, path, permit=permit, verb=_VERB, json=call.body)
            if reply.body.strip():
                reply.json()  # on and off answer nothing; a login page that answers 200 is not Unleash
        except ServerFailed as error:
            if "TEST_OPERATION_FAILED" not in error.reason:
                raise
            raise Moved(self.source, _VERB, "its percentage has changed since it was read") from error
        except Forbidden as error:
            if not _CHANGE_REQUEST.search(error.reason):
                raise
            where = f"make a change request in project {self._project}"
            raise NeedsApproval(self.source, _VERB, f"{error.reason}; {where}") from error
        except Rejected as error:
            if "archived features" not in error.reason:
                raise
            raise Missing(self.source, _VERB, error.reason) from error

    async def _state(self, target: TargetRef) -> tuple[FlagState, Reply]:
        reply = await self.transport.read("GET", self._feature(target, "read"))
        feature = self._parse(Feature, reply)
        if feature.archived:
            raise Missing(self.source, "read", f"feature {one_line(target.name, 80)} is archived")
        names = [environment.name for environment in feature.environments]
        if self._environment not in names:
            there = one_line(", ".join(names), 120) or "none"
            raise Missing(self.source, "read", f"no environment {self._environment} (there are: {there})")
        environment = feature.environments[names.index(self._environment)]
        parents = [dependency.feature for dependency in feature.dependencies]
        return flag_state(environment, target.rule, parents), reply

    async def _author(self, target: TargetRef) -> str | None:
        """Read who made the newest change in this environment. None where that is not known, which harms nothing."""
        if not self._events_readable:
            return None
        query = {"feature": f"IS:{target.name}", "environment": f"IS:{self._environment}", "limit": "1"}
        try:
            async with asyncio.timeout(self._context.read_deadline_s / 4):
                reply = await self.transport.read("GET", "/api/admin/search/events", params=query)
                events = self._parse(UnleashEvents, reply).events
        except (Forbidden, Missing):
            self._events_readable = False
            return None
        except (BackendError, TimeoutError):
            return None
        return one_line(events[0].createdBy, 80) if events else None

    def _feature(self, target: TargetRef, verb: str) -> str:
        if target.name in ("", ".", ".."):
            raise Rejected(self.source, verb, f"not sent: {target.name!r} is not the name of a feature")
        return f"/api/admin/projects/{quote(self._project, safe='')}/features/{quote(target.name, safe='')}"

    def _parse(self, model: type[M], reply: Reply) -> M:
        value = reply.json()
        try:
            return model.model_validate(value)
        except ValidationError as error:
            raise BadReply(self.source, "read", f"not what Unleash answers: {first_flaw(error)}") from None
