"""Parse YAML 1.2 text into a tree of values with their lines.

Of the YAML library only the events are used, so this file alone decides the type of a scalar: `off`, `yes`, `10:30`,
`1_000` and `2026-01-01` are text, `010` is ten (YAML 1.2.2, section 10.3.2, core schema). Tags, anchors, aliases,
directives and second documents are problems; so are control characters, which would reach a terminal. The meaning of
the keys is not known here.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from ruamel.yaml import events as yaml
from ruamel.yaml.error import YAMLError

from console.plan.problems import Findings, Path, PlanError
from console.plan.syntax import read_yaml_events, syntax_problem

LARGEST_BYTES = 256 * 1024
QUERY_KEYS = ("bad", "events", "good", "total", "value", "buckets")
"""Keys of a metric that hold a query; only queries may have several lines."""

_DEEPEST = 16
_MOST_VALUES = 20_000

_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_OCTAL = re.compile(r"0o[0-7]{1,18}")
_HEX = re.compile(r"0x[0-9a-fA-F]{1,15}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,4})?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_LONGEST_NUMBER = 40
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_PASSWORD_IN_URL = re.compile(r"://[^/\s@:]*:[^/\s@]*@")

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class PlanNode:
    """One value of the plan with its line."""

    line: int
    value: Scalar | Mapping[str, PlanNode] | Sequence[PlanNode]
    source: str = ""
    """A scalar as typed, without quotes."""
    key_line: int = 0
    """Line of the key (or list item) it belongs to; the value's own line at the root."""
    broken: bool = False
    """Already reported, and not to be checked again; its value is None."""

    @property
    def entries(self) -> Mapping[str, PlanNode]:
        """The entries of a mapping in file order; empty for any other value."""
        return self.value if isinstance(self.value, Mapping) else {}

    @property
    def items(self) -> Sequence[PlanNode]:
        """The items of a list; empty for any other value."""
        return self.value if isinstance(self.value, Sequence) and not isinstance(self.value, str) else ()

    @property
    def text(self) -> str | None:
        """A text value; None for any other."""
        return self.value if isinstance(self.value, str) else None

    @property
    def display_text(self) -> str:
        """This value as an error message shows it."""
        if isinstance(self.value, str):
            return f"'{self.value}'"
        return self.kind if self.value is None or isinstance(self.value, Mapping | Sequence) else self.source

    @property
    def kind(self) -> str:
        """The type of this value, in words."""
        if isinstance(self.value, Mapping):
            return "a mapping"
        if isinstance(self.value, str):
            return "text"
        if isinstance(self.value, Sequence):
            return "a list"
        return "nothing" if self.value is None else "a number" if not isinstance(self.value, bool) else "true or false"

    def plain(self) -> Any:
        """This value as plain dict, list, str, int, float, bool, None."""
        if isinstance(self.value, Mapping):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, Sequence) and not isinstance(self.value, str):
            return [node.plain() for node in self.value]
        return self.value

    def at(self, path: Path) -> PlanNode | None:
        """The value at `path` below this one, or None."""
        node: PlanNode | None = self
        for part in path:
            if node is None:
                return None
            if isinstance(part, int):
                node = node.items[part] if part < len(node.items) else None
            else:
                node = node.entries.get(part)
        return node

    def child_entries(self, key: str) -> Mapping[str, PlanNode]:
        """The entries of the mapping under `key`; empty where there is none."""
        return self.entries[key].entries if key in self.entries else {}

    def child_text(self, key: str) -> str | None:
        """The text under `key`; None where there is none."""
        return self.entries[key].text if key in self.entries else None

    def list_items(self, *path: str) -> list[tuple[Path, PlanNode]]:
        """(path, item) for the items of the list at `path`; empty where there is no list."""
        node = self.at(path)
        return [((*path, number), item) for number, item in enumerate(node.items if node is not None else ())]


def read(text: str, findings: Findings) -> PlanNode:
    """Parse the one document in `text`; problems of its YAML go into `findings`.

    Raises:
        PlanError: it is not YAML, too large, too deep, empty, or not a mapping, so no further check is possible.
    """
    if len(text) > LARGEST_BYTES:
        findings.add(1, (), f"the file is larger than {LARGEST_BYTES // 1024} KiB; that is not a plan")
        findings.raise_if_any()
    try:
        return _Reader(text, findings).root()
    except YAMLError as error:
        line, message, hint = syntax_problem(error, text)
        findings.add(line, (), message, hint=hint)
        raise PlanError(findings.problems) from None


@dataclass
class _Reader:
    source: str
    findings: Findings
    values: int = 0
    events: Iterator[yaml.Event] = field(init=False)

    def __post_init__(self) -> None:
        self.events = read_yaml_events(self.source, self._stop_at)

    def _stop_at(self, line: int) -> NoReturn:
        self._stop(line, "not valid YAML", "look at the escapes and % lines from here on")

    def root(self) -> PlanNode:
        root: PlanNode | None = None
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    self._stop(_line(event), "a second document starts here; a plan is one document", "remove the ---")
                self._directives(event)
            elif isinstance(event, yaml.NodeEvent):
                root = self._value(event, (), _line(event))
        if root is None or root.value is None:
            self._stop(1, "the file is empty", "a plan starts with `warroom: 1`")
        if not isinstance(root.value, Mapping):
            self._stop(root.line, f"a plan is a mapping of keys to values, not {root.kind}", "start with `warroom: 1`")
        return root

    def _stop(self, line: int, message: str, hint: str) -> NoReturn:
        self.findings.add(line, (), message, hint=hint)
        raise PlanError(self.findings.problems)

    def _directives(self, event: Any) -> None:
        if event.version in (None, (1, 2)) and not event.tags:
            return
        lines = enumerate(self.source.splitlines(), 1)
        line, directive = next(((number, text) for number, text in lines if text.startswith("%")), (_line(event), "%"))
        self._stop(line, f"the directive {directive} is not used: a plan is YAML 1.2", "remove the line")

    def _value(self, event: Any, path: Path, key_line: int) -> PlanNode:
        self.values += 1
        if len(path) > _DEEPEST or self.values > _MOST_VALUES:
            reason = "nested too deeply" if len(path) > _DEEPEST else f"more than {_MOST_VALUES} values"
            self._stop(_line(event), f"{reason}; that is not a plan", "look for a bracket too many")
        if isinstance(event, yaml.AliasEvent):
            self.findings.add(key_line, path, f"aliases (*{event.anchor}) are not used in a plan", hint="write it out")
            return PlanNode(_line(event), None, "", key_line, broken=True)
        if event.anchor is not None:
            self.findings.add(key_line, path, f"anchors (&{event.anchor}) are not used in a plan", hint="remove it")
        if event.tag is not None:
            tag = str(event.tag).replace("tag:yaml.org,2002:", "!!")
            self.findings.add(key_line, path, f"tags ({tag}) are not used in a plan", hint="remove it")
        if isinstance(event, yaml.MappingStartEvent):
            return PlanNode(_line(event), self._mapping(path), "", key_line)
        if isinstance(event, yaml.SequenceStartEvent):
            return PlanNode(_line(event), self._list(path), "", key_line)
        return self._scalar(event, path, key_line)

    def _mapping(self, path: Path) -> dict[str, PlanNode]:
        entries: dict[str, PlanNode] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            line = _line(event)
            if not isinstance(event, yaml.ScalarEvent):
                hint = "a value that starts with { or [ needs quotes"
                self.findings.add(line, path, "a key must be plain text", hint=hint)
                self._value(event, (*path, "?"), line)
                self._value(next(self.events), (*path, "?"), line)
                continue
            key: str = event.value
            place = (*path, key)
            self._value(event, place, line)
            node = self._value(next(self.events), place, line)
            if key == "<<" and event.implicit[0]:
                self.findings.add(line, place, "merge keys (<<) are not used in a plan", hint="write the keys out")
            elif key in entries:
                first = entries[key].key_line
                where = "on the same line" if first == line else f"first on line {first}"
                self.findings.add(line, place, f"key {key!r} is given twice, {where}", hint="keep one of them")
            else:
                entries[key] = node
        return entries

    def _list(self, path: Path) -> list[PlanNode]:
        items: list[PlanNode] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self._value(event, (*path, len(items)), _line(event)))
        return items

    def _scalar(self, event: Any, path: Path, key_line: int) -> PlanNode:
        text: str = event.value
        if event.style in ("|", ">"):
            text = text.rstrip("\n")
        value = _meaning(text) if event.implicit[0] else text
        line = _line(event) if text else key_line
        if isinstance(value, float) and not math.isfinite(value):
            self.findings.add(line, path, "must be a finite number", found=text)
            return PlanNode(line, None, text, key_line, broken=True)
        if isinstance(value, str):
            self._characters(value, line, path)
        return PlanNode(line, value, text, key_line)

    def _characters(self, text: str, line: int, path: Path) -> None:
        query = len(path) == 3 and path[0] == "metrics" and path[2] in QUERY_KEYS
        bad = next((char for char in text if _acts_on_a_terminal(char) and not (query and char == "\n")), None)
        if bad == "\n":
            self.findings.add(line, path, "must be one line", hint="write it after >- to fold several lines into one")
        elif bad is not None:
            sort = "control" if unicodedata.category(bad) == "Cc" else "invisible"
            name = "a tab" if bad == "\t" else f"the {sort} character U+{ord(bad):04X}"
            self.findings.add(line, path, f"contains {name}", hint="remove it: a plan is shown on terminals")
        elif _PASSWORD_IN_URL.search(text):
            hint = "give it as {env: NAME} or {file: PATH} where the adapter takes one"
            self.findings.add(line, path, "a URL with a password in it: a plan never holds a secret", hint=hint)


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _acts_on_a_terminal(char: str) -> bool:
    return (char >= "\x7f" and unicodedata.category(char) in _UNSEEN) or char < " "


def _meaning(text: str) -> Scalar:
    """The value of a plain scalar by YAML 1.2.2, section 10.3.2."""
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return text.lower() == "true"
    if _INTEGER.fullmatch(text):
        return int(text)
    if _OCTAL.fullmatch(text):
        return int(text[2:], 8)
    if _HEX.fullmatch(text):
        return int(text[2:], 16)
    if _NOT_FINITE.fullmatch(text):
        return math.inf
    return float(text) if len(text) <= _LONGEST_NUMBER and _FLOAT.fullmatch(text) else text
