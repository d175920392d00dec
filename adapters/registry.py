"""Find, load and connect adapters: the built-in ones and those of the entry-point group `warroom.adapters`.

Listing imports nothing; loading imports exactly the one module that a plan names. An entry point names an
`AdapterSpec`, or a module with `ADAPTER: AdapterSpec`, or a module with the three names

    KINDS: tuple[Kind, ...]                      which Protocols its backend has
    Options: type[pydantic.BaseModel]            its keys in the plan beside `adapter`; unknown keys are errors
    connect(options, context) -> Backend         opens no connection; raises ConnectError with one plain line
"""

from __future__ import annotations

import contextlib
import difflib
import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any

from adapters.contract import AdapterSpec, Backend, Context, TargetRef
from adapters.contract import ConnectError as ConnectError
from adapters.sanitize import one_line

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


@dataclass(frozen=True, kw_only=True)
class Adapter(AdapterSpec[Any]):
    """A loaded adapter, under the name that a plan gives it."""

    name: str


class ContractMismatch(ConnectError):
    """A backend is not what the Protocols of its kinds say. One line that names everything missing or wrong."""


class UnknownAdapter(Exception):
    """No adapter of that name, or it does not load. One plain line that names those available."""


@dataclass(frozen=True)
class Listed:
    """One adapter that a plan may name, and where it comes from."""

    name: str
    module: str
    """Entry point value, or the module of a built-in adapter."""
    package: str | None
    """Distribution and version, "acme-warroom 1.2"; None for a built-in adapter."""


def list_adapters() -> list[Listed]:
    """List every adapter by name, without importing any. A built-in adapter hides an installed one of its name."""
    found = {point.name: Listed(point.name, point.value, _package(point)) for point in entry_points(group=GROUP)}
    found |= {name: Listed(name, module, None) for name, module in BUILT_IN.items()}
    return [found[name] for name in sorted(found)]


def names() -> list[str]:
    """List every adapter that a plan may name, without importing any."""
    return sorted({*BUILT_IN, *(point.name for point in entry_points(group=GROUP))})


def load(name: str) -> Adapter:
    """Import one adapter.

    Raises:
        UnknownAdapter: there is none of that name, or it fails to import or describes no adapter.
    """
    if name in BUILT_IN:
        return _adapter(name, importlib.import_module(BUILT_IN[name]))
    points = {point.name: point for point in entry_points(group=GROUP)}
    if name not in points:
        near = difflib.get_close_matches(name, names(), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UnknownAdapter(f"no adapter {name!r} (there are: {', '.join(names())}){hint}")
    with _foreign_code(UnknownAdapter, f"adapter {name!r} failed to load"):
        return _adapter(name, points[name].load())


def connect(name: str, given: Mapping[str, object], context: Context, targets: Sequence[TargetRef] = ()) -> Backend:
    """Load an adapter, connect its backend and check it against the Protocols of its kinds.

    Args:
        given: its options, as the plan has them.
        targets: the plan's targets of this backend, whose capabilities are checked too.

    Raises:
        UnknownAdapter: as `load`.
        ContractMismatch: the backend lacks something, or has it otherwise than its Protocols.
        ConnectError: the options cannot be used.
    """
    from adapters.conformance import backend_problems, connect_problems

    adapter = load(name)
    _raise_mismatch(name, connect_problems(adapter.connect))
    options = adapter.options.model_validate(dict(given))
    with _foreign_code(ConnectError, f"{context.source}: adapter {name} failed to connect"):
        backend = adapter.connect(options, context)
        _raise_mismatch(name, backend_problems(backend, adapter, targets))
    return backend


def address(adapter: Adapter, given: Mapping[str, object]) -> str | None:
    """The address that an adapter says for these options; None if it says none. Raises UnknownAdapter if it fails."""
    if adapter.address is None:
        return None
    with _foreign_code(UnknownAdapter, f"adapter {adapter.name!r} failed to say its address"):
        return one_line(adapter.address(adapter.options.model_validate(dict(given))), 500)


def check_class(name: str) -> None:
    """Check an adapter's backend class without connecting: for a backend whose secrets are not here.

    Raises:
        UnknownAdapter: as `load`.
        ContractMismatch: as `connect`, as far as the class shows it.
    """
    from adapters.conformance import class_problems, connect_problems

    adapter = load(name)
    _raise_mismatch(name, [*connect_problems(adapter.connect), *class_problems(adapter)])


def _raise_mismatch(name: str, problems: Sequence[str]) -> None:
    if problems:
        raise ContractMismatch(f"adapter {name}: {one_line('; '.join(problems), 2000)}")


def _adapter(name: str, found: object) -> Adapter:
    """The adapter that an entry point names, or a module's three names describe."""
    if isinstance(found, ModuleType):
        found = vars(found).get("ADAPTER", found)
    if isinstance(found, AdapterSpec):
        return Adapter(name=name, **vars(found))
    if not isinstance(found, ModuleType):
        raise UnknownAdapter(f"adapter {name!r} is neither an AdapterSpec nor a module")
    try:
        return Adapter(name=name, kinds=tuple(found.KINDS), options=found.Options, connect=found.connect)
    except AttributeError as error:
        raise UnknownAdapter(f"adapter {name!r} is not usable: {error}") from error


@contextlib.contextmanager
def _foreign_code(wrapped: type[Exception], words: str) -> Iterator[None]:
    """Turn whatever an adapter's module or its `connect` fails with into one line of the kind that callers expect."""
    try:
        yield
    except (ConnectError, UnknownAdapter):
        raise
    except Exception as error:  # a third party's code may fail in any way; the console must say so and live
        raise wrapped(f"{words}: {type(error).__name__}: {one_line(error)}") from error


def _package(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist is not None else "unknown package"
