"""Checks of a plan's backends: adapters load, options validate, secrets are references."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping

from pydantic import BaseModel, ValidationError

from adapters import registry
from adapters.contract import Kind
from adapters.registry import Adapter, UnknownAdapter, load, names
from adapters.sanitize import one_line
from adapters.secret import Secret
from console.plan.document import PlanNode
from console.plan.problems import Findings, Path, suggestion
from console.plan.wording import report

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
ADDRESS_KEYS = (
    "url",
    "endpoint",
    "address",
    "host",
    "port",
    "socket",
    "kubeconfig",
    "context",
    "cluster",
    "namespace",
    "region",
    "account",
    "project",
    "environment",
    "database",
    "org",
    "world",
)
"""Options that say where a backend acts, for an adapter that does not say its address itself."""
_USER_INFO = re.compile(r"//[^/@\s]*@")
"""User and password in a URL."""
_log = logging.getLogger("warroom.plan")
EMBEDDED = "embedded"
"""The simulated world, whose metrics need no queries."""


def check_backends(root: PlanNode, findings: Findings) -> dict[str, Adapter]:
    """Load the adapter and check the options of every backend.

    Returns:
        The adapters that could be loaded, by backend name.
    """
    adapters: dict[str, Adapter] = {}
    for name, node in root.child_entries("backends").items():
        adapter = _adapter(node, ("backends", name), findings)
        if adapter is not None:
            adapters[name] = adapter
            _check_options(root, node, ("backends", name), adapter, findings)
    return adapters


def _adapter(entry: PlanNode, path: Path, findings: Findings) -> Adapter | None:
    named = entry.entries.get("adapter")
    if named is None or named.text is None:
        return None
    place = (*path, "adapter")
    if named.text not in names():
        hint = suggestion(named.text, names())
        findings.add(named.line, place, f"unknown adapter {named.text!r}", found=named.display_text, hint=hint)
        return None
    try:
        return load(named.text)
    except (UnknownAdapter, ImportError) as error:
        message = f"adapter {named.text!r} does not load: {one_line(error)}"
        findings.add(named.line, place, message, found=named.display_text)
        return None


def _check_options(root: PlanNode, entry: PlanNode, path: Path, adapter: Adapter, findings: Findings) -> None:
    try:
        options = adapter.options.model_validate(options_of(entry))
    except ValidationError as error:
        report(error, root, path, adapter.options, findings)
        return
    except Exception as error:  # a third party's validator may fail in any way; the reader reports it and goes on
        reason = type(error).__name__
        findings.add(entry.key_line, path, f"adapter {adapter.name!r} could not check these options ({reason})")
        return
    for place, secret in secrets(options):
        if secret.env is not None and not VARIABLE.fullmatch(secret.env):
            node = root.at((*path, *place, "env")) or entry
            findings.add(node.line, (*path, *place, "env"), "must be the name of an environment variable")


def options_of(entry: PlanNode) -> dict[str, object]:
    """The adapter's own keys of one entry of `backends`, as plain data."""
    return {key: node.plain() for key, node in entry.entries.items() if key != "adapter"}


def address_of(adapter: Adapter, options: Mapping[str, object]) -> str:
    """Where a backend with these options acts, in words that differ with the place."""
    try:
        if (said := registry.address(adapter, options)) is not None:
            return said
    except UnknownAdapter as error:  # the plan must still load
        _log.warning("%s", error)
    return one_line(", ".join(_texts(options[key]) for key in ADDRESS_KEYS if options.get(key) is not None), 500)


def _texts(value: object) -> str:
    """An option in words; the order of a list does not count."""
    text = " ".join(sorted(map(str, value))) if isinstance(value, list | tuple) else str(value).rstrip("/")
    return _USER_INFO.sub("//", text)


def secrets(value: object, path: Path = ()) -> Iterator[tuple[Path, Secret]]:
    """Each secret's reference within validated options, with its path."""
    if isinstance(value, Secret):
        yield path, value
    elif isinstance(value, BaseModel):
        for name, inner in value:
            yield from secrets(inner, (*path, name))
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from secrets(inner, (*path, str(key)))
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from secrets(inner, (*path, number))


def target_kind(name: str, entry: PlanNode, kinds: tuple[Kind, ...], words: bool) -> Kind | None:
    """The kind of a target: DEPLOY or FLAGS; None if its backend is read-only, or does not support the entry's `kind`.

    Args:
        name, entry: the target's, in the plan.
        kinds: those that its adapter supports.
        words: whether the plan sets this target to `on` or `off` anywhere, which only a flag can be.
    """
    able = [kind for kind in (Kind.DEPLOY, Kind.FLAGS) if kind in kinds]
    given = entry.entries.get("kind")
    if given is not None and given.text in ("deploy", "flag"):
        wanted = Kind.DEPLOY if given.text == "deploy" else Kind.FLAGS
        return wanted if wanted in able else None
    if len(able) < 2:
        return able[0] if able else None
    names_given = (name, *(entry.entries[key].text or "" for key in ("name", "backend") if key in entry.entries))
    return Kind.FLAGS if words or any("flag" in text.lower() for text in names_given) else Kind.DEPLOY
