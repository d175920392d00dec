"""Run a login plugin once, within a deadline, for its credentials.

Source: Kubernetes documentation, "client-go credential plugins", client.authentication.k8s.io v1 and v1beta1. `login`
keeps the credentials.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import signal
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from adapters.kube.access import Access, NoAccess, Plugin
from adapters.kube.wire import Moment
from adapters.sanitize import one_line
from adapters.transport import Certificate, Credentials

GROUP = "client.authentication.k8s.io"
VERSIONS = (f"{GROUP}/v1", f"{GROUP}/v1beta1")
DEADLINE_S = 30.0
"""How long a plugin may take that asks for no input."""
PATIENCE_S = 300.0
"""How long a plugin may take that asks a person for a browser login or a pass-code."""
_LARGEST = 256 * 1024


@dataclass(frozen=True, slots=True)
class PluginCredentials:
    """Credentials from a plugin, and when they expire."""

    credentials: Credentials
    until: datetime | None
    """UTC; None: until the server refuses them."""


class _CredentialStatus(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    token: str = ""
    expires: Moment | None = Field(None, alias="expirationTimestamp")
    chain: str = Field("", alias="clientCertificateData")
    key: str = Field("", alias="clientKeyData")


class _ExecCredential(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    version: str = Field(alias="apiVersion")
    kind: str
    status: _CredentialStatus | None = None


async def run(plugin: Plugin, access: Access, *, terminal: bool, deadline_s: float | None = None) -> PluginCredentials:
    """Run the plugin once.

    Args:
        terminal: a person is there and the terminal is free: before the screen starts, or for a headless verb.
        deadline_s: by default DEADLINE_S, or PATIENCE_S where the plugin may ask a person.

    Raises:
        NoAccess: it is not installed, fails, hangs, wants a terminal that is not free, or answers something else.
    """
    asks = terminal and plugin.interactive != "Never"
    if plugin.version not in VERSIONS:
        raise NoAccess(f"login plugin {plugin.name}: apiVersion {one_line(plugin.version, 60)!r} is not v1 or v1beta1")
    if plugin.interactive == "Always" and not asks:
        raise NoAccess(f"login plugin {plugin.name} wants a terminal: leave with q, log in, and start again")
    within_s = deadline_s or (PATIENCE_S if asks else DEADLINE_S)
    process = await _start(plugin, access, asks)
    try:
        async with asyncio.timeout(within_s):
            answer, complaint = await asyncio.gather(_read_bounded(process.stdout), _read_bounded(process.stderr))
            code = await process.wait()
    except TimeoutError:
        raise NoAccess(f"login plugin {plugin.name} gave no answer within {within_s:g} s") from None
    finally:
        await _kill(process, own_group=not asks)
    if code != 0:
        words = one_line(complaint.decode("utf-8", "replace").strip().rpartition("\n")[2], 160)
        raise NoAccess(f"login plugin {plugin.name} failed (exit {code})" + (f": {words}" if words else ""))
    return _credentials_of(plugin, access, answer)


async def _start(plugin: Plugin, access: Access, asks: bool) -> asyncio.subprocess.Process:
    environment = {**os.environ, **{entry.name: entry.value for entry in plugin.environment}}
    environment["KUBERNETES_EXEC_INFO"] = json.dumps(_request(plugin, access, asks))
    try:
        return await asyncio.create_subprocess_exec(
            plugin.command,
            *plugin.args,
            stdin=None if asks else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=None if asks else asyncio.subprocess.PIPE,
            env=environment,
            start_new_session=not asks,
            limit=_LARGEST,
        )
    except FileNotFoundError:
        hint = f": {plugin.install_hint}" if plugin.install_hint else ""
        raise NoAccess(f"login plugin {plugin.name} is not installed{hint}") from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "its arguments cannot be used"
        raise NoAccess(f"login plugin {plugin.name} cannot be run: {why.lower()}") from None


def _request(plugin: Plugin, access: Access, asks: bool) -> dict[str, object]:
    spec: dict[str, object] = {"interactive": asks}
    if plugin.provide_cluster_info:
        tls = access.tls
        cluster = {
            "server": access.server,
            "certificate-authority-data": None if tls.only is None else base64.b64encode(tls.only).decode(),
            "tls-server-name": tls.server_name,
            "insecure-skip-tls-verify": tls.insecure or None,
            "proxy-url": access.proxy,
        }
        spec["cluster"] = {key: value for key, value in cluster.items() if value is not None}
    return {"apiVersion": plugin.version, "kind": "ExecCredential", "spec": spec}


async def _read_bounded(stream: asyncio.StreamReader | None) -> bytes:
    kept = bytearray()
    while stream is not None and (chunk := await stream.read(65536)):
        kept += chunk[: _LARGEST + 1 - len(kept)]
    return bytes(kept)


async def _kill(process: asyncio.subprocess.Process, *, own_group: bool) -> None:
    """End the plugin with all its children: a browser's helper, one that holds its pipes open."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if own_group:
            os.killpg(process.pid, signal.SIGKILL)  # it began a session of its own, so this is its group alone
        elif process.returncode is None:
            process.kill()
    await process.wait()


def _credentials_of(plugin: Plugin, access: Access, output: bytes) -> PluginCredentials:
    bad = f"login plugin {plugin.name} did not answer with an ExecCredential of {plugin.version.rpartition('/')[2]}"
    try:
        answer = _ExecCredential.model_validate_json(output)
    except ValidationError:
        raise NoAccess(bad) from None
    status = answer.status
    if answer.kind != "ExecCredential" or answer.version != plugin.version or status is None:
        raise NoAccess(bad)
    if bool(status.chain) != bool(status.key) or not (status.token or status.chain):
        raise NoAccess(f"{bad}: no token and no certificate with its key")
    if status.token and not (status.token.isascii() and status.token.isprintable()):
        raise NoAccess(f"{bad}: its token cannot be sent in a header")
    certificate = Certificate(status.chain.encode(), status.key.encode()) if status.chain else access.certificate
    token = f"Bearer {status.token}" if status.token else None
    return PluginCredentials(Credentials(token, certificate, access.impersonate), status.expires)
