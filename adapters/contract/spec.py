"""Description of an adapter: its kinds, its options in a plan, and how it connects."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from adapters.contract.backends import Backend
from adapters.contract.context import Context
from adapters.contract.targets import Kind

if TYPE_CHECKING:
    from pydantic import BaseModel

OptionsT = TypeVar("OptionsT", bound="BaseModel")
OptionsT_contra = TypeVar("OptionsT_contra", bound="BaseModel", contravariant=True)


class Prepare(Protocol[OptionsT_contra]):
    """A login that runs before the screen, while the terminal is free."""

    def __call__(self, options: OptionsT_contra, source: str, *, terminal: bool) -> Coroutine[Any, Any, None]:
        """Log in to the backend `source`; ask the operator only if `terminal`. Raises ConnectError."""


@dataclass(frozen=True, kw_only=True)
class AdapterSpec(Generic[OptionsT]):
    """An adapter as its module declares it: `ADAPTER = AdapterSpec(kinds=.., options=.., connect=..)`."""

    kinds: tuple[Kind, ...]
    """Which Protocols its backend has: see `adapters.contract.backends`."""
    options: type[OptionsT]
    """Its keys in a plan, beside `adapter`; forbid unknown ones."""
    connect: Callable[[OptionsT, Context], Backend]
    """Make a backend. Opens no connection; raises ConnectError with one plain line."""
    owns_steps: bool = False
    """Its targets have steps of their own, which a plan may name: its backend is a SteppedBackend."""
    measures_targets: bool = False
    """Its metrics are gauges that it measures of its own targets, without a baseline: `of` and `value` name them."""
    address: Callable[[OptionsT], str] | None = None
    """Where a backend with these options acts, without secrets, deadlines and TLS: with a target's name it says which
    target that is. None: taken from options such as `url`, `socket`, `context` and `namespace`."""
    prepare: Prepare[OptionsT] | None = None
    """Its login, where it may need one."""
