"""Check a backend against the Protocols of its adapter's kinds: names, arguments, coroutine or not.

A misspelled method would otherwise fail at the promote that needs it. `adapters.registry.connect` checks every backend
once, in the engine's thread; `warroom check` checks the class where the backend cannot be connected.
"""

from __future__ import annotations

import difflib
import inspect
import typing
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from adapters.contract import (
    AdapterSpec,
    Capabilities,
    CautiousBackend,
    ClockedBackend,
    FlagBackend,
    Kind,
    MarkableBackend,
    MetricsBackend,
    OrderableBackend,
    PausableBackend,
    PromotableBackend,
    RedactingBackend,
    SteppedBackend,
    TargetRef,
    WebhookBackend,
    WeightedBackend,
)
from adapters.sanitize import one_line

_REQUIRED: tuple[type, ...] = (WeightedBackend, SteppedBackend, FlagBackend, MetricsBackend)
"""The Protocols of which a kind requires one."""
_OPTIONAL: tuple[type, ...] = (
    PromotableBackend,
    OrderableBackend,
    PausableBackend,
    WebhookBackend,
    MarkableBackend,
    CautiousBackend,
    RedactingBackend,
    ClockedBackend,
)
_DATA: dict[str, tuple[type | tuple[type, ...], str]] = {
    "source": (str, "a str"),
    "cautions": (tuple, "a tuple of lines"),
    "skew_s": ((int, float, type(None)), "a number of seconds"),
}
"""Attributes that are no methods, and the types they may have."""


def backend_problems(backend: object, spec: AdapterSpec[Any], targets: Sequence[TargetRef] = ()) -> list[str]:
    """List where a connected backend differs from its Protocols, and from what it says of `targets`.

    Args:
        backend: as `connect` returned it.
        spec: the adapter's description; its kinds say which Protocols the backend must have.
        targets: the plan's targets of this backend; none to check the kinds alone.
    """
    found = list(_problems(backend, _required_protocols(spec), data=True))
    if not found:
        for target in targets:
            found += _capability_problems(backend, target)
    return list(dict.fromkeys(found))


def class_problems(spec: AdapterSpec[Any]) -> list[str]:
    """List where the class that `connect` is annotated to return differs from its Protocols.

    Attributes that only an instance has are not looked at. Nothing is reported where the annotation names no class, or
    a class that answers names by `__getattr__`.
    """
    made = _annotated_class(spec.connect)
    if not isinstance(made, type) or getattr(made, "_is_protocol", False) or hasattr(made, "__getattr__"):
        return []
    return list(_problems(made, _required_protocols(spec), data=False))


def _annotated_class(connect: Any) -> object:
    """Resolve the return annotation of `connect` alone; None where it is missing, or only a type checker knows it."""

    class Probe:
        """Carries the one annotation: those of the arguments may name what is not imported at run time."""

    try:
        Probe.__annotations__ = {"made": connect.__annotations__["return"]}
        return typing.get_type_hints(Probe, globalns=connect.__globals__)["made"]
    except (NameError, TypeError, AttributeError, KeyError):
        return None


def connect_problems(connect: object) -> list[str]:
    """List what keeps `connect` from being called with options and context."""
    if not callable(connect):
        return ["connect is not callable"]
    if inspect.iscoroutinefunction(connect):
        return ["connect is a coroutine function"]
    problem = _arity_problem("connect", _signature(connect), ("options", "context"))
    return [problem] if problem else []


def _required_protocols(spec: AdapterSpec[Any]) -> list[type]:
    """The Protocols that the kinds promise."""
    deploy = SteppedBackend if spec.owns_steps else WeightedBackend
    by_kind = {Kind.DEPLOY: deploy, Kind.FLAGS: FlagBackend, Kind.METRICS: MetricsBackend}
    return [by_kind[kind] for kind in spec.kinds]


def _problems(holder: object, required: Sequence[type], *, data: bool) -> Iterator[str]:
    """Differences of a backend, or of a class, from the Protocols required and from those it has a part of."""
    begun = [protocol for protocol in _OPTIONAL if any(hasattr(holder, name) for name in _members(protocol))]
    done: set[str] = set()
    for protocol in (*required, *begun):
        for name, wanted in _members(protocol).items():
            if name in done or (name in _DATA and not data):
                continue
            done.add(name)
            problem = _data_problem(holder, name) if name in _DATA else _method_problem(holder, name, wanted)
            if problem is not None:
                yield problem
    if SteppedBackend in required and PromotableBackend not in begun and (near := _near(holder, "advance")):
        yield f"advance is missing (did you mean {near}?)"


def _capability_problems(backend: Any, target: TargetRef) -> Iterator[str]:
    """Differences between the capabilities declared for a target and the methods that carry them out."""
    try:
        powers = backend.capabilities(target)
    except Exception:  # the engine does without them too: what the other targets can do is worth more
        return
    if not isinstance(powers, Capabilities):
        yield f"capabilities({target.target}) returned {type(powers).__name__}, not Capabilities"
        return
    claims: list[tuple[bool, str, type]] = [
        (powers.can_pause, "can_pause", PausableBackend),
        (powers.owns_steps, "owns_steps", SteppedBackend),
        (bool(powers.orders), "orders", OrderableBackend),
        (not powers.owns_steps and target.kind is Kind.DEPLOY, "no owns_steps", WeightedBackend),
    ]
    for claimed, capability, protocol in claims:
        lacking = [name for name in _members(protocol) if not hasattr(backend, name)]
        if claimed and lacking:
            words = f"{' and '.join(lacking)} {'is' if len(lacking) == 1 else 'are'} missing"
            yield f"capabilities({target.target}) has {capability}, but {words}"


def _members(protocol: type) -> dict[str, object]:
    """Names of a Protocol and of those it extends, with its own function for each."""
    return {
        name: member
        for base in reversed(protocol.__mro__)
        if base.__module__.startswith("adapters.contract")
        for name, member in vars(base).items()
        if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property))
    }


def _data_problem(holder: object, name: str) -> str | None:
    allowed, words = _DATA[name]
    if not hasattr(holder, name):
        return _missing(holder, name)
    return None if isinstance(getattr(holder, name), allowed) else f"{name} is not {words}"


def _method_problem(holder: object, name: str, wanted: object) -> str | None:
    """The first difference between a method and its Protocol's."""
    if not hasattr(holder, name):
        return None if _is_declared(holder, name) else _missing(holder, name)
    if not callable(getattr(holder, name)):
        return f"{name} is not callable"
    signature, is_coroutine = _method(holder, name)
    if is_coroutine != inspect.iscoroutinefunction(wanted):
        return f"{name} is {'' if is_coroutine else 'not '}a coroutine function"
    names = tuple(inspect.signature(wanted).parameters)[1:] if inspect.isfunction(wanted) else ()
    return _arity_problem(name, signature, names)


def _is_declared(holder: object, name: str) -> bool:
    """Whether a class says that its instances have `name`: "hide: Callable[[str], str]"."""
    return isinstance(holder, type) and any(name in vars(one).get("__annotations__", {}) for one in holder.__mro__)


def _method(holder: object, name: str) -> tuple[inspect.Signature | None, bool]:
    """(signature, is a coroutine) of a method as the engine sees it, without `self`.

    `holder` is a backend, or a class whose instances have it. The signature is None where Python does not know it.
    """
    found = inspect.getattr_static(holder, name) if isinstance(holder, type) else None
    if found is None or isinstance(found, staticmethod | classmethod):
        found = getattr(holder, name)
        signature = _signature(found)
    else:
        signature = _signature(found) if inspect.isfunction(found) else None
        if signature is not None:
            signature = signature.replace(parameters=list(signature.parameters.values())[1:])
    return signature, inspect.iscoroutinefunction(found) or inspect.iscoroutinefunction(type(found).__call__)


def _signature(function: Callable[..., object]) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None


def _arity_problem(name: str, signature: inspect.Signature | None, wanted: tuple[str, ...]) -> str | None:
    """The engine passes every argument by position."""
    if signature is None:
        return None
    try:
        signature.bind(*wanted)
    except TypeError:
        taken = ", ".join(str(one).split(":")[0].split("=")[0].strip() for one in signature.parameters.values())
        return f"{name} takes ({taken}), not ({', '.join(wanted)})"
    return None


def _missing(holder: object, name: str) -> str:
    near = _near(holder, name)
    return f"{name} is missing" + (f" (did you mean {near}?)" if near else "")


def _near(holder: object, name: str) -> str | None:
    """A public name of the backend that may be `name` misspelled."""
    taken = {member for protocol in (*_REQUIRED, *_OPTIONAL) for member in _members(protocol)}
    there = [one for one in dir(holder) if not one.startswith("_") and one not in taken]
    found = difflib.get_close_matches(name, there, n=1, cutoff=0.75)
    return one_line(found[0], 60) if found else None
