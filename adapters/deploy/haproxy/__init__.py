"""HAProxy as a deploy backend: server weights through its stats socket. Version 2.0 or newer.

Here: the options of the plan and `connect`. `node` talks to one HAProxy process, `servers` reads its tables, `backend`
has the verbs. The Data Plane API is not used. Minimal permission: a stats socket of level `admin` (reading needs
`user`).

The verbs: promote and rollback set two absolute weights, canary p and baseline 100 - p, on every node; halt sends
nothing, because HAProxy never advances by itself. Weights are lost when HAProxy restarts or reloads, unless it is
configured with a state file.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, field_validator

from adapters.contract import AdapterSpec, Context, Kind
from adapters.deploy.haproxy.backend import HAProxy as HAProxy
from adapters.deploy.haproxy.node import HAProxyNode, SocketAddress


class Options(BaseModel):
    """Keys of a plan's backend with `adapter: haproxy`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    socket: str | list[str]
    """Path of a stats socket, or tcp://host:port; several are a fleet, and every change goes to each of them."""

    @field_validator("socket")
    @classmethod
    def _addresses(cls, value: str | list[str]) -> str | list[str]:
        texts = [value] if isinstance(value, str) else value
        if not texts:
            raise ValueError("give at least one socket")
        if len(set(texts)) != len(texts):
            raise ValueError("the same socket is given twice")
        for text in texts:
            SocketAddress.parse(text)
        return value


def connect(options: Options, context: Context) -> HAProxy:
    """Make the backend; no bytes are sent yet."""
    texts = [options.socket] if isinstance(options.socket, str) else options.socket
    nodes = [HAProxyNode(context.source, SocketAddress.parse(text), named=len(texts) > 1) for text in texts]
    return HAProxy(context, nodes)


ADAPTER = AdapterSpec(kinds=(Kind.DEPLOY,), options=Options, connect=connect)
