"""Names to adapters: the built-in ones and those of the entry-point group `warroom.adapters`.

Listing imports nothing; loading imports exactly the one module a plan names. An adapter module has

    KINDS: tuple[Kind, ...]                      which Protocols it answers
    Options: type[pydantic.BaseModel]            its keys in the plan beside `adapter`; unknown keys are errors
    connect(options, context) -> Backend         no network yet; raises ConnectError with one plain line

and may have

    OWNS_STEPS: bool                             its targets have steps of their own, which a plan may name
    MEASURES_TARGETS: bool                       its metrics are gauges that it measures of its own targets, without a
                                                 baseline: one names the target (`of`) and the measurement (`value`)
    prepare(options, source, terminal=...)       a coroutine run before the screen: log in while the terminal is free
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import TYPE_CHECKING, Any

from adapters.contract import Backend, Context, Kind

if TYPE_CHECKING:
    from pydantic import BaseModel

GROUP = "warroom.adapters"

BUILT_IN = {
    "argo-rollouts": "adapters.deploy.argo",
    "deployment": "adapters.deploy.deployment",
    "embedded": "adapters.embedded.backend",
    "flagger": "adapters.deploy.flagger",
    "haproxy": "adapters.deploy.haproxy",
    "prometheus": "adapters.metrics.prometheus",
    "unleash": "adapters.flags.unleash",
}

LOGS_IN = ("argo-rollouts", "deployment", "flagger")
"""Adapters that may have to log in before the screen (`prepare`), by name: known without importing any."""


class ConnectError(Exception):
    """A backend's options cannot be used (a secret is missing, a file is not there). One plain line."""


class UnknownAdapter(Exception):
    """No adapter of that name, or it does not load. One plain line that names the ones there are."""


@dataclass(frozen=True)
class Adapter:
    """One loaded adapter module."""

    name: str
    kinds: tuple[Kind, ...]
    options: type[BaseModel]
    connect: Callable[[Any, Context], Backend]
    owns_steps: bool = False
    measures_targets: bool = False
    prepare: Callable[..., Coroutine[Any, Any, None]] | None = None


def names() -> list[str]:
    """Every adapter a plan may name, without importing any."""
    return sorted({*BUILT_IN, *(point.name for point in entry_points(group=GROUP))})


def load(name: str) -> Adapter:
    """Import one adapter.

    Raises:
        UnknownAdapter: there is none of that name, or its module fails to import or lacks one of the three names.
    """
    module = _module(name)
    try:
        return Adapter(
            name,
            tuple(module.KINDS),
            module.Options,
            module.connect,
            owns_steps=bool(getattr(module, "OWNS_STEPS", False)),
            measures_targets=bool(getattr(module, "MEASURES_TARGETS", False)),
            prepare=getattr(module, "prepare", None),
        )
    except AttributeError as error:
        raise UnknownAdapter(f"adapter {name!r} is not usable: {error}") from error


def _module(name: str) -> ModuleType:
    if name in BUILT_IN:
        return importlib.import_module(BUILT_IN[name])
    points: dict[str, EntryPoint] = {point.name: point for point in entry_points(group=GROUP)}
    if name not in points:
        near = difflib.get_close_matches(name, names(), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UnknownAdapter(f"no adapter {name!r} (there are: {', '.join(names())}){hint}")
    try:
        loaded = points[name].load()
    except Exception as error:  # a third party's module may fail in any way; the console must say so and live
        raise UnknownAdapter(f"adapter {name!r} failed to load: {type(error).__name__}: {error}") from error
    if not isinstance(loaded, ModuleType):
        raise UnknownAdapter(f"adapter {name!r} is not a module (entry point {points[name].value!r})")
    return loaded
