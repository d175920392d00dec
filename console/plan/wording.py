"""pydantic's errors in the plan's own words, each at the line of the key or value it is about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from adapters.secret import Secret
from console.plan.document import Node
from console.plan.people import EVERYBODYS
from console.plan.problems import Findings, Path, nearest, suggestion
from console.plan.quantities import QuantityError

_SECRETIVE = re.compile(r"token|secret|passw|pwd|key|auth|cred|cookie|header|bearer|private", re.IGNORECASE)
_COMMENTED = re.compile(r":\s+#\S|-\s+#\S")
_WANTS = {
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping of keys to values",
    "model_type": "must be a mapping of keys to values",
    "model_attributes_type": "must be a mapping of keys to values",
    "too_short": "must not be empty",
}


def report(error: ValidationError, root: Node, under: Path, model: type[BaseModel], findings: Findings) -> None:
    """Every error of `error`, which came of validating the value at `under` with `model`, as problems.

    A key that is missing is not reported where an unknown key beside it was plainly meant to be it.
    """
    found = [(_place(root, under, details), details) for details in error.errors(include_url=False)]
    unknown = {place for place, details in found if details["type"] == "extra_forbidden"}
    meant: set[Path] = set()
    for place in sorted(unknown, key=str):
        entry = root.at(place[:-1])
        valid = _keys(model, place[len(under) : -1])
        absent = [key for key in valid if entry is None or key not in entry.entries]
        near = nearest(str(place[-1]), absent)
        if near is not None:
            meant.add((*place[:-1], near))
        hint = _stuck(str(place[-1])) or (f"did you mean {near!r}?" if near else suggestion("", valid))
        message = f"unknown key {str(place[-1])!r}"
        if place[-2:-1] == ("authority",) and place[-1] in EVERYBODYS:
            message, hint = f"{place[-1]} is everybody's, always: no plan can keep anybody from it", "remove it"
        findings.add(_key_line(root, place), place, message, hint=hint)
    for place, details in found:
        if place not in unknown and not (details["type"] == "missing" and place in meant):
            _report_one(root, place, details, findings)


def _report_one(root: Node, place: Path, details: ErrorDetails, findings: Findings) -> None:
    if details["type"] == "missing":
        findings.add(_key_line(root, place[:-1]), place, f"required key {str(place[-1])!r} is missing")
        return
    node = root.at(place)
    if node is None or node.value is None:  # broken is reported already, and empty by whoever looks for that
        return
    if details["loc"][-1:] == ("[key]",):
        key = str(place[-1])
        message, hint = _said(details, node)
        findings.add(node.key_line, place, message, found=repr(key), hint=_stuck(key) or hint)
        return
    if _wants_reference(details) and not node.entries:
        message, hint = "write {env: NAME} or {file: PATH}: a plan never holds a secret", None
        findings.add(node.line, place, message, hint=hint)
        return
    message, hint = _said(details, node)
    hidden = _secretive(place, node)
    if hidden and node.source and node.source in message:
        message = "is not a usable value"
    findings.add(
        node.line if node.kind != "a mapping" else node.key_line,
        place,
        message,
        found="" if hidden or details["type"] == "too_short" else node.shown,
        hint=hint,
    )


def _said(details: ErrorDetails, node: Node) -> tuple[str, str | None]:
    kind, context = details["type"], details.get("ctx", {})
    if kind == "value_error":
        cause = context["error"]
        return str(cause), cause.hint if isinstance(cause, QuantityError) else None
    if kind in ("literal_error", "enum"):
        choices = re.findall(r"'([^']*)'", str(context["expected"]))
        near = nearest(node.source, choices)
        return f"must be {context['expected']}", f"did you mean {near!r}?" if near else None
    if kind in _WANTS:
        return _WANTS[kind], _rewrite(kind, node)
    return _lower(details["msg"]), None


def _rewrite(kind: str, node: Node) -> str | None:
    """How the value would be written as what is wanted, where that is plain."""
    single = node.source and not node.entries and not node.items
    if kind == "string_type" and single:
        return f'write "{node.source}"'
    if kind == "list_type" and single:
        return f"write [{node.source}]" if re.fullmatch(r"[\w.-]+", node.source) else f'write ["{node.source}"]'
    if kind == "bool_type" and node.source.lower() in ("yes", "on", "no", "off"):
        return f"write {'true' if node.source.lower() in ('yes', 'on') else 'false'}"
    if kind.startswith("int") and re.fullmatch(r"[0-9][0-9_, ]*", node.source):
        return f"write {re.sub('[^0-9]', '', node.source)}"
    if kind.startswith("int") and isinstance(node.value, float) and node.value == int(node.value):
        return f"write {int(node.value)}"
    return None


def _wants_reference(details: ErrorDetails) -> bool:
    """Whether an error says that a secret's reference was wanted and something else was given."""
    named = str(details.get("ctx", {}).get("class_name", ""))
    return details["type"] in ("model_type", "model_attributes_type") and named == Secret.__name__


def _secretive(place: Path, node: Node) -> bool:
    """Whether a value may be a secret, so that no error repeats it."""
    if place[:1] != ("backends",):
        return False
    return any(_SECRETIVE.search(str(part)) for part in place[2:]) or "@" in node.source


def empty_hint(key: str, line: str) -> str:
    """What to do about a key without a value, given the line of the file it stands on."""
    if _COMMENTED.search(line):
        return "text that starts with # needs quotes, or it is a comment"
    return _stuck(key) or "give it one, or remove the key"


def _stuck(key: str) -> str | None:
    """A hint for `{api:5}`, which YAML takes for the one key `api:5`."""
    if not re.fullmatch(r"[\w.-]+:[^:\s]+", key):
        return None
    return f"write {key.replace(':', ': ', 1)}, with a space after the colon"


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]


def _key_line(root: Node, place: Path) -> int:
    node = root.at(place)
    return root.line if node is None else node.key_line


def _place(root: Node, under: Path, details: ErrorDetails) -> Path:
    """Where an error is, without the parts pydantic adds that are not in the file: union branches, `[key]`."""
    loc = (*under, *details["loc"])
    place: list[str | int] = []
    node: Node | None = root
    for number, part in enumerate(loc):
        below = node.at((part,)) if node is not None else None
        if below is not None:
            place.append(part)
            node = below
        elif number == len(loc) - 1 and details["type"] == "missing":
            place.append(part)
    return tuple(place)


def _keys(model: type[BaseModel], inner: Path) -> list[str]:
    """The keys a model has at `inner`, following its fields' types."""
    for part in inner:
        if isinstance(part, str) and part in model.model_fields:
            found = next(_models(model.model_fields[part].annotation), None)
            model = found or model
    return [field.alias or name for name, field in model.model_fields.items()]


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _models(part)
