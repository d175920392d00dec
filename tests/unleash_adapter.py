"""The real Unleash adapter over the FAKE of one state folder, for plans of engine tests."""

from __future__ import annotations

from pathlib import Path

import httpx
from pydantic import BaseModel, ConfigDict

from adapters.contract import AdapterSpec, Context, Kind
from adapters.flags import unleash
from adapters.flags.unleash import Unleash
from tests.unleash_fake import FakeUnleash, options

fakes: dict[Path, FakeUnleash] = {}


class Options(BaseModel):
    """No options."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def connect(_options: Options, context: Context) -> Unleash:
    """A backend on the fake of its state folder."""
    fake = fakes.setdefault(context.state_dir, FakeUnleash())
    return unleash.connect(options("http://unleash.test"), context, httpx.MockTransport(fake))


ADAPTER = AdapterSpec(kinds=(Kind.FLAGS,), options=Options, connect=connect)
