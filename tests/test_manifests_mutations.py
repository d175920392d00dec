"""Whatever stands in a manifest: a plan that checks, or one plain line; never a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.manifests.choice import draft_plan
from console.manifests.document import read_documents
from console.manifests.draft_start import NoChoice
from console.manifests.origin import Manifest
from console.manifests.tree import Tree
from tests.manifests_rig import MANIFESTS, planned

WHOLE = {
    "rollout": [
        Manifest(name, tree)
        for name in ("rollout.yaml", "templates.yaml")
        for tree in read_documents((MANIFESTS / name).read_text(encoding="utf-8"), name)
    ],
    "canary": [
        Manifest("canary.yaml", tree)
        for tree in read_documents((MANIFESTS / "canary.yaml").read_text(encoding="utf-8"), "canary.yaml")
    ],
}
ODD = [
    "", "~", "0", "-1", "1e99", "999999999999999999", "1e-9", "NaN", "yes", "x" * 400, "a: b # c", "'\"\\", "{{x}}",
    "{{args.service}}", "\x1b[2J", "\u202e", "*", "100%", "1y", "5m", "99999h", "http://x:99999", "https://u:p@x",
    "result", "result[0] >= 1e30", "sum(rate(a[5m])) / sum(rate(b[5m]))", "Deployment", "confirm-rollout", "\n\n",
    "no", "null",
]  # fmt: skip
Path = tuple[str | int, ...]


def scalars(tree: Tree, path: Path = ()) -> Iterator[Path]:
    for key, inner in tree.entries.items():
        yield from scalars(inner, (*path, key))
    for number, inner in enumerate(tree.items):
        yield from scalars(inner, (*path, number))
    if isinstance(tree.value, str):
        yield path


def put(tree: Tree, path: Path, value: Tree) -> Tree:
    if not path:
        return value
    first, *rest = path
    if isinstance(first, int):
        items = list(tree.items)
        items[first] = put(items[first], tuple(rest), value)
        return replace(tree, value=tuple(items))
    return replace(tree, value={**tree.entries, first: put(tree.entries[first], tuple(rest), value)})


def holds(manifests: list[Manifest]) -> None:
    try:
        draft = draft_plan(manifests)
    except NoChoice as error:
        assert "\n" not in str(error)
        return
    planned(draft)


PLACES = [
    (kind, number, path)
    for kind, all_of in WHOLE.items()
    for number, one in enumerate(all_of)
    for path in scalars(one.tree)
]


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_one_odd_value_anywhere(odd: str) -> None:
    for kind, number, path in PLACES[ODD.index(odd) % 15 :: 15]:  # another fifteenth of the places for each
        manifests = list(WHOLE[kind])
        manifests[number] = replace(
            manifests[number], tree=put(manifests[number].tree, path, Tree(1, odd, quoted=True))
        )
        holds(manifests)


@pytest.mark.parametrize("kind", WHOLE)
@pytest.mark.parametrize("value", ["", {}, ()], ids=["nothing", "a mapping", "a list"])
def test_a_value_of_another_sort_anywhere(kind: str, value: str | dict[str, Tree] | tuple[Tree, ...]) -> None:
    for other, number, path in PLACES[::9]:
        for length in range(1, len(path) + 1):
            if other != kind:
                continue
            manifests = list(WHOLE[kind])
            manifests[number] = replace(
                manifests[number], tree=put(manifests[number].tree, path[:length], Tree(1, value))
            )
            holds(manifests)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(PLACES), st.text(max_size=30))
def test_any_text_anywhere(place: tuple[str, int, Path], text: str) -> None:
    kind, number, path = place
    manifests = list(WHOLE[kind])
    manifests[number] = replace(manifests[number], tree=put(manifests[number].tree, path, Tree(1, text, quoted=True)))
    holds(manifests)
