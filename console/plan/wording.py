"""pydantic's validation errors as problems of the plan, each with its line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from adapters.secret import Secret
from console.plan.document import PlanNode
from console.plan.people import UNRESTRICTED_VERBS
from console.plan.problems import Findings, Path, nearest, suggestion
from console.plan.quantities import QuantityError

_SECRETIVE = re.compile(r"token|secret|passw|pwd|key|auth|cred|cookie|header|bearer|private", re.IGNORECASE)
_COMMENTED = re.compile(r":\s+#\S|-\s+#\S")
_WANTS = {
    "string_type": "must be text",
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "must be a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "must be a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "must be true or false"),
    **dict.fromkeys(("list_type", "tuple_type"), "must be a list"),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), "must be a mapping of keys to values"),
    "too_short": "must not be empty",
}


def report(error: ValidationError, root: PlanNode, under: Path, model: type[BaseModel], findings: Findings) -> None:
    """Add every error of validating the value at the path `under` with `model` as a problem.

    A missing key is not reported if an unknown key beside it is a misspelling of it.
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
        hint = _space_hint(str(place[-1])) or (f"did you mean {near!r}?" if near else suggestion("", valid))
        message = f"unknown key {str(place[-1])!r}"
        if place[-2:-1] == ("authority",) and place[-1] in UNRESTRICTED_VERBS:
            message, hint = f"everyone may always use {place[-1]}: a plan cannot restrict it", "remove it"
        findings.add(_key_line(root, place), place, message, hint=hint)
    for place, details in found:
        if place not in unknown and not (details["type"] == "missing" and place in meant):
            _report_one(root, place, details, findings)


def _report_one(root: PlanNode, place: Path, details: ErrorDetails, findings: Findings) -> None:
    if details["type"] == "missing":
        findings.add(_key_line(root, place[:-1]), place, f"required key {str(place[-1])!r} is missing")
        return
    node = root.at(place)
    if node is None or node.value is None:  # a broken value is reported already, an empty one by the loader
        return
    if details["loc"][-1:] == ("[key]",):
        key = str(place[-1])
        message, hint = _message_and_hint(details, node)
        findings.add(node.key_line, place, message, found=repr(key), hint=_space_hint(key) or hint)
        return
    is_model = details["type"] in ("model_type", "model_attributes_type")
    if is_model and details.get("ctx", {}).get("class_name") == Secret.__name__ and not node.entries:
        findings.add(node.line, place, "write {env: NAME} or {file: PATH}: a plan never holds a secret")
        return
    message, hint = _message_and_hint(details, node)
    hidden = _may_be_secret(place, node)
    if hidden and node.source and node.source in message:
        message = "is not a usable value"
    line = node.line if node.kind != "a mapping" else node.key_line
    found = "" if hidden or details["type"] == "too_short" else node.display_text
    findings.add(line, place, message, found=found, hint=hint)


def _message_and_hint(details: ErrorDetails, node: PlanNode) -> tuple[str, str | None]:
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
    return details["msg"][:1].lower() + details["msg"][1:], None


def _rewrite(kind: str, node: PlanNode) -> str | None:
    """A hint with the value rewritten to the expected type, if that is obvious."""
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


def _may_be_secret(place: Path, node: PlanNode) -> bool:
    """Whether a value may be a secret, so that no error repeats it."""
    if place[:1] != ("backends",):
        return False
    return any(_SECRETIVE.search(str(part)) for part in place[2:]) or "@" in node.source


def empty_hint(key: str, line: str) -> str:
    """A hint for a key without a value, given its line of the file."""
    if _COMMENTED.search(line):
        return "text that starts with # needs quotes, or it is a comment"
    return _space_hint(key) or "give it one, or remove the key"


def _space_hint(key: str) -> str | None:
    """A hint for `{api:5}`, which YAML reads as the one key `api:5`."""
    if not re.fullmatch(r"[\w.-]+:[^:\s]+", key):
        return None
    return f"write {key.replace(':', ': ', 1)}, with a space after the colon"


def _key_line(root: PlanNode, place: Path) -> int:
    node = root.at(place)
    return root.line if node is None else node.key_line


def _place(root: PlanNode, under: Path, details: ErrorDetails) -> Path:
    """Path of an error in the file, without pydantic's own parts: union branches and `[key]`."""
    loc = (*under, *details["loc"])
    place: list[str | int] = []
    node: PlanNode | None = root
    for number, part in enumerate(loc):
        below = node.at((part,)) if node is not None else None
        if below is not None:
            place.append(part)
            node = below
        elif number == len(loc) - 1 and details["type"] == "missing":
            place.append(part)
    return tuple(place)


def _keys(model: type[BaseModel], inner: Path) -> list[str]:
    """Keys of the model at `inner`, following its fields' types."""
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
