"""A whole site for one rollout, all of it real: a shop behind HAProxy, Prometheus scraping it, Unleash, and the plan.

The console reaches HAProxy and Unleash through gates, which keep every write; the test looks at the servers themselves.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.live.backends_haproxy import LiveHAProxy, haproxy
from tests.live.backends_unleash import ADMIN_TOKEN, LiveUnleash, unleash
from tests.live.gate import HAPROXY_WRITE, HTTP_WRITE, Gate, gate
from tests.live.servers import prometheus
from tests.live.shop import Shop, shop, users
from tests.terminal import WARROOM, Terminal, terminal

FLAG = "new-checkout"
TOKEN_ENV = "JOURNEY_UNLEASH_TOKEN"
PLAN = """\
warroom: 1
rollout: checkout-v2
title: Checkout v2
timing: {{poll: 500ms, tick: 1s, read_deadline: 2s, write_deadline: 2s}}
backends:
  edge: {{adapter: haproxy, socket: {edge}}}
  flags: {{adapter: unleash, url: "http://{flags}", environment: production, token: {{env: {token}}}}}
  prom: {{adapter: prometheus, url: "{prom}"}}
targets:
  api: {{backend: edge, name: checkout, canary: canary, baseline: stable}}
  flag: {{backend: flags, name: {flag}}}
metrics:
  errors:
    backend: prom
    shape: counts
    bad: 'http_requests_total{{app="checkout",code=~"5.."}}'
    total: 'http_requests_total{{app="checkout"}}'
    arms: {{label: version, canary: canary, baseline: stable}}
    limit: 10%
    negligible: 5%
    stale_after: 10s
stages:
  - {{name: five, set: {{api: 5}}, bake: 2s, min_requests: 50}}
  - {{name: flag-ten, set: {{api: 25, flag: 10}}, bake: 2s, min_requests: 50}}
  - {{name: full, set: {{api: 100, flag: 100}}}}
rollback:
  - {{id: flag-off, set: {{flag: off}}}}
  - {{id: traffic, set: {{api: 0}}, needs: [flag-off]}}
  - {{id: tell, manual: "post in #incidents"}}
"""
_TAGS = "/tags"


@dataclass
class Site:
    """Everything that runs, and where the console finds its plan and its journal."""

    shop: Shop
    edge: LiveHAProxy
    unleash: LiveUnleash
    edge_gate: Gate
    flag_gate: Gate
    plan: Path
    journal: Path

    @contextlib.asynccontextmanager
    async def war_room(self) -> AsyncIterator[Terminal]:
        """`warroom run` in a terminal of its own."""
        command = [*WARROOM, "run", str(self.plan), "--journal", str(self.journal)]
        async with terminal(command, size=(120, 40), environment={TOKEN_ENV: ADMIN_TOKEN}) as room:
            yield room

    async def weights(self) -> tuple[str, str]:
        """(canary, stable) as HAProxy itself tells them."""
        answers = [await self.edge.say(f"get weight checkout/{server}") for server in ("canary", "stable")]
        return answers[0].split(" ")[0], answers[1].split(" ")[0]

    def flag(self) -> tuple[bool, str]:
        """(whether it is on, its percentage) in production, as Unleash's admin API tells it."""
        enabled: bool = self.unleash.admin.get(self.unleash.path(FLAG)).json()["enabled"]
        return enabled, self.unleash.strategies(FLAG)[0]["parameters"]["rollout"]

    @property
    def writes(self) -> list[str]:
        """Every write that reached a backend, in order, but for marks."""
        return [text for text in self._all_writes() if _TAGS not in text]

    @property
    def marks(self) -> list[str]:
        """Every write of a rollout's mark on the flag."""
        return [text for text in self._all_writes() if _TAGS in text]

    def _all_writes(self) -> list[str]:
        both = sorted((*self.edge_gate.writes, *self.flag_gate.writes), key=lambda write: write.at)
        return [write.text.replace(self.unleash.path(FLAG), "flag") for write in both if write.passed]

    def events(self) -> list[dict[str, Any]]:
        """The journal's events, oldest first, each with its kind."""
        with contextlib.closing(sqlite3.connect(self.journal)) as database:
            rows = database.execute("SELECT kind, body FROM events ORDER BY seq").fetchall()
        return [{"kind": kind, **json.loads(body)} for kind, body in rows]

    def decisions(self) -> list[dict[str, Any]]:
        """The view that a person would read with any SQLite tool."""
        with contextlib.closing(sqlite3.connect(self.journal)) as database:
            database.row_factory = sqlite3.Row
            rows = database.execute("SELECT * FROM decisions ORDER BY seq").fetchall()
        return [dict(row) for row in rows]


@contextlib.asynccontextmanager
async def site(folder: Path) -> AsyncIterator[Site]:
    """A site with traffic, everything on the stable version and the flag off."""
    async with AsyncExitStack() as stack:
        flags = stack.enter_context(unleash(folder))
        flags.feature(FLAG, "0")
        ours = await stack.enter_async_context(shop())
        ports = {name: instance.port for name, instance in ours.instances.items()}
        edge = await stack.enter_async_context(haproxy(folder, ports))
        prom = stack.enter_context(prometheus(folder, ours.scrape_targets))
        edge_gate, socket = await stack.enter_async_context(gate(HAPROXY_WRITE, edge.admin, folder / "gate.sock"))
        host = urlsplit(flags.url)
        at = (str(host.hostname), int(host.port or 0))
        flag_gate, where = await stack.enter_async_context(gate(HTTP_WRITE, at))
        await stack.enter_async_context(users(edge.web))
        plan = folder / "plan.yaml"
        plan.write_text(PLAN.format(edge=socket, flags=where, token=TOKEN_ENV, prom=prom, flag=FLAG))
        yield Site(ours, edge, flags, edge_gate, flag_gate, plan, folder / "state" / "journal.db")
