"""The real Argo adapter over the FAKE cluster of one state folder, for plans of engine tests."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from adapters.contract import AdapterSpec, Context, Kind
from adapters.deploy.argo.backend import Argo
from adapters.kube import Access
from console.engine.clock import SystemClock
from tests.argo_fake import Controller
from tests.kube_fake import FakeCluster

sites: dict[Path, Site] = {}


class Options(BaseModel):
    """No options."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Site:
    """One cluster and its controller, on the real clock."""

    def __init__(self) -> None:
        self.cluster = FakeCluster()
        self.controller = Controller(self.cluster, SystemClock())


def connect(options: Options, context: Context) -> Argo:
    """A backend on the site of its state folder."""
    site = sites.setdefault(context.state_dir, Site())
    backend = Argo(context, Access("prod", "https://kube.test", "default", token="t0ken"), None, site.cluster)
    backend.sender.settle_s, backend.sender.wake_s = 0.0, None
    return backend


ADAPTER = AdapterSpec(
    kinds=(Kind.DEPLOY, Kind.METRICS), options=Options, connect=connect, owns_steps=True, measures_targets=True
)
