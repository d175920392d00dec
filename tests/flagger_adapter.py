"""The real Flagger adapter over the FAKE cluster of one state folder, for plans of engine tests."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from adapters.contract import AdapterSpec, Context, Kind
from adapters.deploy.flagger.backend import Flagger
from adapters.kube import Access
from tests.flagger_rig import GATES
from tests.kube_fake import FakeCluster

clusters: dict[Path, FakeCluster] = {}


class Options(BaseModel):
    """No options."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def connect(options: Options, context: Context) -> Flagger:
    """A backend on the cluster of its state folder."""
    cluster = clusters.setdefault(context.state_dir, FakeCluster())
    return Flagger(context, Access("prod", "https://kube.test", "default", token="t0ken"), None, GATES, cluster)


ADAPTER = AdapterSpec(kinds=(Kind.DEPLOY,), options=Options, connect=connect, owns_steps=True)
