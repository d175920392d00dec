"""Flagger as a deploy backend, driven by answers to its gate webhooks.

Flagger (flagger.app/v1beta1, 1.10 to 1.44) takes no orders: its controller looks at a Canary once per interval, and
asks at its webhooks whether it may go on. `warroom watch --gates` answers them; `gates` is the address under which
Flagger reaches it, and identifies the webhooks of a Canary that are ours. Minimal permission: get, list, watch on
canaries (flagger.app) and on their targets (deployments, daemonsets), list on events; patch on canaries for suspend and
skipAnalysis.

The verbs: promote answers the gates up to the stage's step with yes, once each, when Flagger next asks; halt keeps them
closed, or where traffic is raised without asking us suspends the Canary, which ends its own checks too; rollback
answers the rollback webhook with yes. Once it is promoted, only another release goes back.
"""

from __future__ import annotations

import re

from pydantic import field_validator

from adapters.contract import AdapterSpec, Context, Kind
from adapters.deploy.flagger.backend import Flagger as Flagger
from adapters.kube import KubeOptions, prepare


class Options(KubeOptions):
    """Keys of a plan's backend with `adapter: flagger`."""

    gates: str | None = None
    """Address at which Flagger reaches `warroom watch --gates`: "http://warroom.ops:22800". None: no gate is ours."""

    @field_validator("gates")
    @classmethod
    def _an_address(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#@]*)?", value):
            raise ValueError("is not an address that starts with http:// or https://")
        return None if value is None else value.rstrip("/")


def connect(options: Options, context: Context) -> Flagger:
    """Make the backend; no network and no login yet. Raises ConnectError: there is no way to the cluster."""
    return Flagger(context, options.access(context.source), options.namespace, options.gates)


ADAPTER = AdapterSpec(kinds=(Kind.DEPLOY,), options=Options, connect=connect, owns_steps=True, prepare=prepare)
