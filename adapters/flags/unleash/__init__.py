"""Unleash as a flag backend: one strategy's percentage and one environment's switch. Admin API, versions 7 and 8.

Here: the options of the plan and `connect`. `feature` reads a feature, `calls` makes the requests, `tags` keeps marks,
`backend` has the verbs. Minimal permission: a project role with UPDATE_FEATURE_STRATEGY and UPDATE_FEATURE_ENVIRONMENT
on the environment (CREATE_FEATURE_STRATEGY where the flag has no strategy yet; UPDATE_FEATURE for the tag that marks a
rollout); a personal access token puts the operator's name on every change.

The verbs: promote sets the percentage, reads it back and only then switches the environment on; rollback to off is one
call that leaves the percentage alone; halt sends nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import field_validator

from adapters.contract import AdapterSpec, Context, Kind
from adapters.flags.unleash.backend import Unleash as Unleash
from adapters.flags.unleash.calls import explain
from adapters.secret import Secret
from adapters.transport import HttpOptions, Transport

if TYPE_CHECKING:
    import httpx


class Options(HttpOptions):
    """Keys of a plan's backend with `adapter: unleash`."""

    token: Secret
    """A personal access token, or an admin token; sent as it is. Backend and frontend tokens are refused by Unleash."""
    project: str = "default"
    environment: str

    @field_validator("project", "environment")
    @classmethod
    def _path_part(cls, value: str) -> str:
        if value in ("", ".", "..") or not value.isprintable():
            raise ValueError("is not a name")
        return value


def connect(options: Options, context: Context, client: httpx.AsyncBaseTransport | None = None) -> Unleash:
    """Make the backend; no network yet. `client` answers instead of the network, in tests.

    Raises:
        ConnectError: the token is missing or cannot be sent, or `ca` is not a file.
    """
    transport = Transport(
        context.source,
        options,
        authorization=options.authorization(context.source, scheme=""),
        read_deadline_s=context.read_deadline_s,
        write_deadline_s=context.write_deadline_s,
        explain=explain,
        client=client,
        report_time=context.report_time,
    )
    return Unleash(context, transport, options.project, options.environment)


ADAPTER = AdapterSpec(kinds=(Kind.FLAGS,), options=Options, connect=connect)
