"""Read YAML or JSON text into one tree per document, executing nothing.

Only the event layer of the YAML library is used. Tags are not followed. An alias is the tree of its anchor, and counts
as many values as that tree against the limit. A template is not rendered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

from ruamel.yaml import events
from ruamel.yaml.error import YAMLError

from console.manifests.tree import Tree
from console.plan.problems import Findings, PlanError
from console.plan.syntax import read_yaml_events, syntax_problem

LARGEST_BYTES = 4 * 1024 * 1024
"""A larger file is not read."""
_MOST_VALUES = 200_000
_DEEPEST = 64
_TEMPLATE = re.compile(r"\{\{-|-\}\}|\{\{\s*(?:\.|\$|include\b|template\b|if\b|with\b|range\b|end\b|toYaml\b)")
_MERGE = "<<"


def read_documents(text: str, file: str) -> list[Tree]:
    """The documents of `text` in order; empty ones are left out.

    Raises PlanError, with the first problem only: not YAML or JSON, too large or too deep, or it contains itself.
    """
    findings = Findings(file)
    if len(text) > LARGEST_BYTES:
        findings.add(1, (), f"is larger than {LARGEST_BYTES // 1024 // 1024} MiB", hint="split it")
        findings.raise_if_any()
    if text.lstrip("\ufeff \t\r\n")[:1] in ("{", "["):
        text = text.replace("\t", " ")  # JSON may be indented with tabs, and never holds a bare one within a string
    try:
        return list(_TreeReader(text, findings).documents())
    except YAMLError as error:
        line, message, hint = syntax_problem(error, text)
    except RecursionError:
        line, message, hint = 1, f"is nested deeper than {_DEEPEST} levels", None
    if (place := _template(text)) is not None:
        line, message, hint = place, "is a template, not a manifest", "render it first: helm template, kustomize build"
    findings.add(line, (), message, hint=hint)
    raise PlanError(findings.problems)


def _template(text: str) -> int | None:
    """The line of the first Helm template syntax, or None."""
    found = _TEMPLATE.search(text)
    return None if found is None else text.count("\n", 0, found.start()) + 1


@dataclass
class _TreeReader:
    """Builds the trees of one text from its YAML events."""

    source: str
    findings: Findings
    values: int = 0
    anchors: dict[str, tuple[Tree, int]] = field(default_factory=dict)
    """Anchor -> (its tree, the number of values in it)."""
    open: set[str] = field(default_factory=set)
    """Anchors whose value is still being read."""
    stream: Iterator[events.Event] = field(init=False)

    def documents(self) -> Iterator[Tree]:
        self.stream = read_yaml_events(self.source, self._stop_at, (YAMLError, RecursionError))
        for event in self.stream:
            if isinstance(event, events.DocumentStartEvent):
                self.anchors.clear()
                self.values = 0
            elif isinstance(event, events.NodeEvent):
                root = self._value(event, 0)
                if not root.is_absent:
                    yield root

    def _stop_at(self, line: int) -> NoReturn:
        self._stop(line, "not valid YAML", "check the escapes and % lines from here on")

    def _stop(self, line: int, message: str, hint: str | None = None) -> NoReturn:
        self.findings.add(line, (), message, hint=hint)
        raise PlanError(self.findings.problems)

    def _value(self, event: Any, depth: int) -> Tree:
        line = int(event.start_mark.line) + 1
        before = self.values
        self._count(1, line)
        if depth > _DEEPEST:
            self._stop(line, f"is nested deeper than {_DEEPEST} levels")
        if isinstance(event, events.AliasEvent):
            return self._alias(str(event.anchor), line)
        anchor = None if event.anchor is None else str(event.anchor)
        if anchor is not None:
            self.open.add(anchor)
        if isinstance(event, events.MappingStartEvent):
            tree = Tree(line, self._mapping(depth + 1))
        elif isinstance(event, events.SequenceStartEvent):
            tree = Tree(line, tuple(self._list(depth + 1)))
        else:
            tree = Tree(line, _join_surrogates(event.value), quoted=not event.implicit[0])
        if anchor is not None:
            self.open.discard(anchor)
            self.anchors[anchor] = (tree, self.values - before)
        return tree

    def _alias(self, name: str, line: int) -> Tree:
        if name in self.open:
            self._stop(line, f"*{name} is within its own anchor")
        if name not in self.anchors:
            self._stop(line, f"*{name} refers to nothing above it")
        tree, size = self.anchors[name]
        self._count(size, line)
        return tree

    def _count(self, values: int, line: int) -> None:
        self.values += values
        if self.values > _MOST_VALUES:
            self._stop(line, f"holds more than {_MOST_VALUES} values, aliases written out", "split it")

    def _mapping(self, depth: int) -> dict[str, Tree]:
        entries: dict[str, Tree] = {}
        merged: dict[str, Tree] = {}
        while not isinstance(event := next(self.stream), events.MappingEndEvent):
            key = self._value(event, depth)
            value = self._value(next(self.stream), depth)
            if key.value == _MERGE and not key.quoted:
                for source in (value, *value.items):
                    self._count(len(source.entries), key.line)
                    merged = {**source.entries, **merged}
            elif isinstance(key.value, str):
                entries[key.value] = value  # of two alike the last one stands, as for the API server
        return {**merged, **entries}

    def _list(self, depth: int) -> Iterator[Tree]:
        while not isinstance(event := next(self.stream), events.SequenceEndEvent):
            yield self._value(event, depth)


def _join_surrogates(text: str) -> str:
    """`text` with surrogate pairs joined: JSON escapes a character beyond U+FFFF as two."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
