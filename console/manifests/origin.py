"""Read manifests from files, folders and standard input into Kubernetes objects."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from adapters.sanitize import one_line
from console.manifests.document import LARGEST_BYTES, read_documents
from console.manifests.tree import Tree
from console.plan.problems import PlanError, Problem

STDIN = "-"
MOST_FILES = 500
_ENDINGS = (".yaml", ".yml", ".json")


@dataclass(frozen=True, slots=True)
class Manifest:
    """One Kubernetes object of a file."""

    file: str
    """The file's name, with its folder only where two files have one name."""
    tree: Tree

    @property
    def group(self) -> str:
        """The API group: "argoproj.io", "" for the core group."""
        group, slash, _ = self.tree.text_at("apiVersion").partition("/")
        return group if slash else ""

    @property
    def kind(self) -> str:
        """The kind: "Rollout"."""
        return self.tree.text_at("kind")

    @property
    def name(self) -> str:
        """The object's name; "" where it has none."""
        return one_line(self.tree.text_at("metadata", "name"), 253)

    @property
    def namespace(self) -> str | None:
        """The namespace; None where the manifest leaves it to the apply."""
        return one_line(self.tree.text_at("metadata", "namespace"), 63) or None

    @property
    def spec(self) -> Tree:
        """The object's spec; NOTHING where it has none."""
        return self.tree.at("spec")

    def is_a(self, group: str, kind: str) -> bool:
        """True for an object of this API group and kind."""
        return self.kind == kind and self.group == group

    def where(self, tree: Tree | None = None) -> str:
        """The file and line of this object or of a value in it: "rollout.yaml:12"."""
        line = self.tree.line if tree is None or not tree.line else tree.line
        return f"{self.file}:{line}"


def read_manifests(paths: Sequence[str], stdin: BinaryIO) -> list[Manifest]:
    """Every object in the files of `paths`, in order; a folder means its .yaml, .yml and .json files.

    A document that is not a Kubernetes object is skipped in a folder, and a problem in a file that `paths` names.
    Raises PlanError with the first problem of every file that cannot be used.
    """
    problems: list[Problem] = []
    names = list(dict.fromkeys(name for path in paths for name in _files(path, problems)))
    bases = Counter(Path(name).name for name in names)
    found: list[Manifest] = []
    for name in names:
        short = Path(name).name if bases[Path(name).name] == 1 else name
        try:
            trees = _objects(_text(name, stdin), one_line("stdin" if name == STDIN else name), named=name in paths)
        except PlanError as error:
            problems += error.problems[:1]
        else:
            found += [Manifest(one_line("stdin" if name == STDIN else short), tree) for tree in trees]
    if problems:
        raise UnreadableManifests(problems)
    return found


class UnreadableManifests(PlanError):
    """Files that cannot be used, each with its first problem, in the order of `paths`."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        super().__init__(())
        self.problems = tuple(problems)


def _files(path: str, problems: list[Problem]) -> list[str]:
    if path == STDIN or not Path(path).is_dir():
        return [path]
    try:
        names = sorted(entry.path for entry in os.scandir(path) if entry.name.endswith(_ENDINGS) and entry.is_file())
    except OSError as error:
        problems.append(_problem(path, f"cannot be read: {error.strerror}"))
        return []
    if not names:
        problems.append(_problem(path, f"holds no {', '.join(_ENDINGS)} file"))
    if len(names) > MOST_FILES:
        problems.append(_problem(path, f"holds more than {MOST_FILES} manifests", "name those that belong together"))
        return []
    return names


def _problem(file: str, message: str, hint: str | None = None, line: int = 1) -> Problem:
    return Problem(one_line(file), line, "", "", message, hint)


def _text(name: str, stdin: BinaryIO) -> str:
    """The first LARGEST_BYTES + 1 bytes of a file as text. Raises PlanError."""
    try:
        if name == STDIN:
            data = stdin.read(LARGEST_BYTES + 1)
        else:
            path = Path(name)
            if not stat.S_ISREG(path.stat().st_mode):  # reading a pipe or a device may never return
                raise PlanError([_problem(name, "is not a regular file")])
            with path.open("rb") as file:
                data = file.read(LARGEST_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL in it
        why = error.strerror if isinstance(error, OSError) and error.strerror else "not a usable path"
        raise PlanError([_problem(name, f"cannot be read: {why}")]) from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise PlanError([_problem(name, f"is not UTF-8 text (byte {error.start})", line=line)]) from None


def _objects(text: str, file: str, *, named: bool) -> list[Tree]:
    """The Kubernetes objects of a text; with `named`, any other document is a PlanError."""
    found = [tree for document in read_documents(text, file) for tree in _list_items(document)]
    if not named:
        return [tree for tree in found if tree.text_at("kind") and tree.text_at("apiVersion")]
    for tree in found:
        if not (tree.text_at("kind") and tree.text_at("apiVersion")):
            message = "is not a Kubernetes object: it has no apiVersion and kind"
            raise PlanError([_problem(file, message, line=tree.line)])
    return found


def _list_items(document: Tree) -> Iterator[Tree]:
    """The objects of a document, which may be a List of `kubectl get` or a JSON array."""
    if document.items:
        yield from document.items
    elif document.text_at("kind").endswith("List") and document.at("items").items:
        yield from document.at("items").items
    else:
        yield document
