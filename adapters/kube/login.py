"""Credentials from a kubeconfig: fixed, a token file, or a login plugin."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from datetime import timedelta

from adapters.contract import Clock, NotSent
from adapters.kube import plugin as plugins
from adapters.kube.access import Access, NoAccess, Plugin
from adapters.kube.plugin import PluginCredentials
from adapters.transport import Credentials, FixedIdentity, Identity

EARLY_S = 20.0
"""Credentials are renewed this long before they expire: a call must not meet the last second."""
REREAD_S = 60.0
"""How often a token file is read again."""
REST_S = 30.0
"""How long polls leave a plugin alone after it failed, or after its fresh credentials were refused."""
_POLLS = ("read", "watch")

Run = Callable[[Plugin, Access], Awaitable[PluginCredentials]]


def identity_of(source: str, access: Access, clock: Clock) -> Identity:
    """Make the identity that `access` describes. Runs and reads nothing yet."""
    if access.plugin is not None:
        return Login(source, access, access.plugin, clock)
    if access.token_file is not None:
        return TokenFile(source, access, clock)
    authorization = f"Bearer {access.token}" if access.token is not None else None
    if access.basic is not None:
        authorization = "Basic " + base64.b64encode(":".join(access.basic).encode()).decode()
    return FixedIdentity(Credentials(authorization, access.certificate, access.impersonate))


class TokenFile:
    """A token in a file that another program renews."""

    def __init__(self, source: str, access: Access, clock: Clock) -> None:
        self._source = source
        self._access = access
        self._clock = clock
        self._read_at = float("-inf")
        self._kept = Credentials()
        self.waiting: str | None = None

    async def credentials(self, verb: str) -> Credentials:
        """Return the file's token, read again after REREAD_S. Raises NotSent if there is none."""
        now = self._clock.monotonic()
        if now - self._read_at >= REREAD_S:
            self._kept = Credentials(f"Bearer {self._token(verb)}", self._access.certificate, self._access.impersonate)
            self._read_at = now
        return self._kept

    def reject(self, shown: Credentials, verb: str) -> bool:
        """Have the file read again for the next call. True if it holds another token by now."""
        self._read_at = float("-inf")
        try:
            return f"Bearer {self._token('read')}" != shown.authorization
        except NotSent:
            return False

    def _token(self, verb: str) -> str:
        path = self._access.token_file
        try:
            token = "" if path is None else path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise NotSent(self._source, verb, f"not sent: the token file {path} cannot be read") from None
        if not (token and token.isascii() and token.isprintable()):
            raise NotSent(self._source, verb, f"not sent: the token file {path} holds no token")
        return token


_logged_in: dict[tuple[Plugin, str], PluginCredentials] = {}
"""(plugin, server) -> credentials: one login serves every backend of this process, and the screen after it."""


async def log_in(access: Access, *, terminal: bool) -> None:
    """Run the login plugin, if one has not run yet. Raises NoAccess: the plugin fails."""
    if access.plugin is not None and (access.plugin, access.server) not in _logged_in:
        _logged_in[access.plugin, access.server] = await plugins.run(access.plugin, access, terminal=terminal)


class Login:
    """A login plugin, run when credentials are needed, never at the terminal.

    A run under way is shared by all calls that need it and outlives the deadline of each.
    """

    def __init__(self, source: str, access: Access, plugin: Plugin, clock: Clock, run: Run | None = None) -> None:
        self._source = source
        self._access = access
        self._plugin = plugin
        self._key = (plugin, access.server)
        self._clock = clock
        self._run = run or (lambda plugin, access: plugins.run(plugin, access, terminal=False))
        self._task: asyncio.Task[PluginCredentials] | None = None
        self._began = float("-inf")
        """When the plugin was last run, monotonic."""
        self._failed: str | None = None

    @property
    def waiting(self) -> str | None:
        """Say that the plugin is running; None while it is not."""
        return f"the login plugin {self._plugin.name} has not answered yet" if self._task is not None else None

    async def credentials(self, verb: str) -> Credentials:
        """Return the kept credentials while valid, else run the plugin.

        Raises:
            NotSent: the plugin failed. For REST_S a poll gets the same error without another run; a write runs it.
        """
        kept = _logged_in.get(self._key)
        resting = self._clock.monotonic() - self._began < REST_S
        fresh = resting and self._failed is None and self._task is None  # a plugin may give what has expired already
        if kept is not None and (
            fresh or kept.until is None or self._clock.now() < kept.until - timedelta(seconds=EARLY_S)
        ):
            return kept.credentials
        if self._task is None and self._failed is not None and resting and verb in _POLLS:
            raise NotSent(self._source, verb, self._failed)
        if self._task is None:
            self._began = self._clock.monotonic()
            self._task = asyncio.create_task(self._renew(), name=f"log in {self._source}")
            self._task.add_done_callback(self._finish)
        try:
            return (await asyncio.shield(self._task)).credentials
        except NoAccess as error:
            raise NotSent(self._source, verb, f"not sent: {error}") from None

    def reject(self, shown: Credentials, verb: str) -> bool:
        """Drop the refused credentials, unless fresh and refused to a poll.

        A plugin is not run again and again where the server says no; the operator who decides may have logged in again
        a moment ago.
        """
        kept = _logged_in.get(self._key)
        if kept is None or kept.credentials != shown:
            return True  # they were renewed meanwhile
        if verb in _POLLS and self._clock.monotonic() - self._began < REST_S:
            return False
        del _logged_in[self._key]
        return True

    async def _renew(self) -> PluginCredentials:
        _logged_in[self._key] = kept = await self._run(self._plugin, self._access)
        return kept

    def _finish(self, task: asyncio.Task[PluginCredentials]) -> None:
        self._task = None
        error = None if task.cancelled() else task.exception()
        self._failed = None if error is None else f"not sent: {error}"
