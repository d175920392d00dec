"""`warroom adapters`: every adapter found, its package, its kinds and its options. Reads no plan; exit 0."""

from __future__ import annotations

import argparse
import ast
import inspect
import itertools
import json
import textwrap
import types
import typing
from dataclasses import asdict, dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from adapters.registry import UnknownAdapter, list_adapters, load
from adapters.sanitize import one_line
from adapters.secret import Secret
from console.cli.exits import Exit


@dataclass(frozen=True, slots=True)
class OptionRow:
    """One key that an adapter takes in a plan."""

    name: str
    type: str
    required: bool
    default: Any
    """As JSON; None where the key has to be given, or is left out by default."""
    about: str
    """Its first sentence of documentation."""


@dataclass(frozen=True, slots=True)
class AdapterRow:
    """One adapter."""

    name: str
    package: str | None
    """Distribution and version; None for a built-in adapter."""
    module: str
    """Module, or entry point value."""
    kinds: tuple[str, ...] = ()
    options: tuple[OptionRow, ...] = ()
    problem: str | None = None
    """Why it does not load."""


def adapters_command(options: argparse.Namespace) -> int:
    """Print every adapter; with --json as JSON Lines. Exit 0, whatever does not load."""
    for row in adapter_rows():
        print(json.dumps(asdict(row)) if options.json else "\n".join(_lines(row)))
    return Exit.OK


def adapter_rows() -> list[AdapterRow]:
    """Load every adapter that a plan may name, and describe it."""
    rows = []
    for found in list_adapters():
        row = AdapterRow(found.name, found.package, found.module)
        try:
            adapter = load(found.name)
            row = replace(row, kinds=tuple(map(str, adapter.kinds)), options=option_rows(adapter.options))
        except (UnknownAdapter, ImportError) as error:
            row = replace(row, problem=one_line(error))
        rows.append(row)
    return rows


def option_rows(model: type[BaseModel]) -> tuple[OptionRow, ...]:
    """Describe the keys of an options model, in its order."""
    documented = _attribute_docstrings(model)
    return tuple(
        OptionRow(
            name=field.alias or name,
            type=_type_words(field.annotation),
            required=field.is_required(),
            default=_default_of(field),
            about=_first_sentence(field.description or documented.get(name, "")),
        )
        for name, field in model.model_fields.items()
    )


def _lines(row: AdapterRow) -> list[str]:
    origin = "built in" if row.package is None else f"{row.package} ({row.module})"
    if row.problem is not None:
        return [f"{row.name}: does not load: {row.problem}", f"    from {origin}"]
    found = [f"{row.name}: {', '.join(row.kinds) or 'no kinds'}; {origin}"]
    for option in row.options:
        given = "required" if option.required else "optional"
        if option.default is not None:
            given = f"default {json.dumps(option.default)}"
        about = f"  {option.about}" if option.about else ""
        found.append(f"    {option.name}: {option.type}, {given}{about}")
    return found


def _type_words(annotation: Any) -> str:
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _type_words(args[0])
    if origin is typing.Literal:
        return " or ".join(str(arg) for arg in args)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_type_words(arg) for arg in args if arg is not type(None))
    if origin is not None:
        return f"{_type_words(origin)} of {', '.join(_type_words(arg) for arg in args if arg is not ...)}"
    if not isinstance(annotation, type):
        return one_line(annotation, 60)
    if issubclass(annotation, Secret):
        return "{env: NAME} or {file: PATH}"
    if issubclass(annotation, Path):
        return "path"
    if issubclass(annotation, BaseModel):
        return f"{{{', '.join(annotation.model_fields)}}}"
    if issubclass(annotation, Enum):
        return " or ".join(str(one.value) for one in annotation)
    return annotation.__name__


def _default_of(field: FieldInfo) -> Any:
    if field.is_required() or field.default_factory is not None or field.default in (None, ""):
        return None
    default = field.default.value if isinstance(field.default, Enum) else field.default
    return json.loads(json.dumps(default, default=str))


def _attribute_docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Strings that stand under the fields of a model and of those it extends; empty where there is no source."""
    found: dict[str, str] = {}
    for one in reversed(model.__mro__):
        if not issubclass(one, BaseModel) or one is BaseModel:
            continue
        try:
            body = ast.parse(textwrap.dedent(inspect.getsource(one))).body[0]
        except (OSError, TypeError, SyntaxError):  # a frozen build, or a model that was made at run time
            continue
        statements = body.body if isinstance(body, ast.ClassDef) else []
        for pair in itertools.pairwise(statements):
            match pair:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                    found[name] = text
    return found


def _first_sentence(text: str) -> str:
    line = one_line(text, 2000)
    end = line.find(". ")
    return line if end < 0 else line[: end + 1]
