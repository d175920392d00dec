"""Manifests are data: YAML and JSON as found, nothing executed, nothing expanded beyond its size, one line a fault."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest

from console.manifests.document import read_documents
from console.manifests.origin import read_manifests
from console.manifests.tree import NOTHING
from console.plan.problems import PlanError


def one_line(text: str) -> str:
    with pytest.raises(PlanError) as caught:
        read_documents(text, "a.yaml")
    (problem,) = caught.value.problems
    return str(problem)


def test_several_documents_are_several_trees_and_empty_ones_are_none() -> None:
    first, second = read_documents("---\na: 1\n---\n---\n# nothing\n---\nb: [x, y]\n", "a.yaml")
    assert first.text_at("a") == "1"
    assert [item.text for item in second.at("b").items] == ["x", "y"]
    assert second.at("b", 1).line == 7


@pytest.mark.parametrize(
    ("written", "text", "number", "truth", "absent"),
    [
        ("10", "10", 10.0, None, False),
        ("'10'", "10", 10.0, None, False),
        ("0.5", "0.5", 0.5, None, False),
        ("5m", "5m", None, None, False),
        ("yes", "yes", None, True, False),
        ("'yes'", "yes", None, None, False),
        ("off", "off", None, False, False),
        ("null", None, None, None, True),
        ("'null'", "null", None, None, False),
        ("", None, None, None, True),
        ("1e999999", "1e999999", None, None, False),
        ("{}", None, None, None, False),
    ],
)
def test_a_scalar_is_text_until_somebody_wants_more(
    written: str, text: str | None, number: float | None, truth: bool | None, absent: bool
) -> None:
    value = read_documents(f"key: {written}\n", "a.yaml")[0].at("key")
    assert (value.text, value.number, value.truth, value.is_absent) == (text, number, truth, absent)


def test_json_with_tabs_and_escapes_beyond_one_unit_is_read() -> None:
    (tree,) = read_documents('{\n\t"a": "caf\\u00e9 \\ud83d\\ude00",\n\t"b": [1,\n\t\t2]\n}', "a.json")
    assert tree.text_at("a") == "café 😀"
    assert tree.at("b", 1).line == 4


def test_what_is_not_there_is_nothing_however_deep() -> None:
    assert read_documents("a: 1", "a.yaml")[0].at("a", 3, "b") is NOTHING


def test_an_alias_is_what_its_anchor_named_and_a_merge_yields_to_what_is_written() -> None:
    (tree,) = read_documents("a: &x {k: 1, l: 2}\nb: *x\nc: {<<: *x, l: 3}\n", "a.yaml")
    assert tree.at("b") is tree.at("a")
    assert {key: value.text for key, value in tree.at("c").entries.items()} == {"k": "1", "l": "3"}


def test_aliases_that_would_explode_are_refused_by_what_they_come_to() -> None:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n"
    bomb += "".join(f"{chr(98 + i)}: &{chr(98 + i)} [{','.join([f'*{chr(97 + i)}'] * 9)}]\n" for i in range(8))
    assert one_line(bomb) == "a.yaml:6: holds more than 200000 values, aliases written out; split it"


def test_a_merge_counts_what_it_merges() -> None:
    keys = ", ".join(f"k{number}: v" for number in range(1000))
    text = f"a: &a {{{keys}}}\n" + "".join(f"b{number}: {{<<: *a}}\n" for number in range(200))
    assert "aliases written out" in one_line(text)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: &a [*a]", "a.yaml:1: *a is within its own anchor"),
        ("a: 1\nb: *c", "a.yaml:2: *c refers to nothing above it"),
        ("---\na: &x 1\n---\nb: *x", "a.yaml:4: *x refers to nothing above it"),
        ("[" * 3000, "a.yaml:1: is nested deeper than 64 levels"),
        ("a: 'b", "a.yaml:1: a quote is opened and never closed"),
        ('a: "\\UFFFFFFFF"', "a.yaml:1: not valid YAML; check the escapes and % lines from here on"),
        (
            "kind: X\nname: {{ .Values.name }}\n{{- if .Values.x }}\n",
            "a.yaml:2: is a template, not a manifest; render it first: helm template, kustomize build",
        ),
    ],
)
def test_what_cannot_be_read_is_one_line(text: str, line: str) -> None:
    assert one_line(text) == line


def test_tags_are_not_followed() -> None:
    (tree,) = read_documents("a: !!python/object/apply:os.system ['true']\nb: !thing {c: 1}", "a.yaml")
    assert tree.at("a", 0).text == "true"
    assert tree.text_at("b", "c") == "1"


def test_braces_without_quotes_are_odd_keys_and_harm_nothing() -> None:
    (tree,) = read_documents("a: {{args.x}}\nb: 1", "a.yaml")
    assert tree.text_at("b") == "1"


def test_a_list_of_objects_is_its_items_wherever_it_comes_from(tmp_path: Path) -> None:
    item = "{apiVersion: v1, kind: Service, metadata: {name: %s}}"
    (tmp_path / "list.yaml").write_text(f"apiVersion: v1\nkind: List\nitems: [{item % 'a'}, {item % 'b'}]\n")
    (tmp_path / "more.json").write_text('[{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "c"}}]')
    assert [one.name for one in read_manifests([str(tmp_path)], BytesIO())] == ["a", "b", "c"]
    piped = BytesIO(f"---\n{item % 'd'}\n".encode())
    assert [(one.name, one.file) for one in read_manifests(["-"], piped)] == [("d", "stdin")]


def test_every_file_that_cannot_be_used_is_one_line_in_the_order_they_were_named(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("a: 'b\nc: d: e")
    (tmp_path / "values.yaml").write_text("\n\nreplicas: 3\n")
    (tmp_path / "latin.yaml").write_bytes(b"a: b\nc: \xff\n")
    names = [str(tmp_path / name) for name in ("gone.yaml", "values.yaml", "latin.yaml", "bad.yaml")]
    with pytest.raises(PlanError) as caught:
        read_manifests([*names, "/dev/null", str(tmp_path / "x\0y")], BytesIO())
    assert [str(problem).removeprefix(f"{tmp_path}/") for problem in caught.value.problems] == [
        "gone.yaml:1: cannot be read: No such file or directory",
        "values.yaml:3: is not a Kubernetes object: it has no apiVersion and kind",
        "latin.yaml:2: is not UTF-8 text (byte 8)",
        "bad.yaml:1: a quote is opened and never closed",
        "/dev/null:1: is not a regular file",
        f"{tmp_path}/xy:1: cannot be read: not a usable path".removeprefix(f"{tmp_path}/"),
    ]


def test_in_a_folder_what_is_no_object_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text("replicas: 3\n")
    (tmp_path / "service.yml").write_text("{apiVersion: v1, kind: Service, metadata: {name: a}}")
    (tmp_path / "notes.txt").write_text("not a manifest")
    assert [one.kind for one in read_manifests([str(tmp_path)], BytesIO())] == ["Service"]


def test_two_files_of_one_name_are_told_apart_by_their_folder(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.yaml").write_text("{apiVersion: v1, kind: Service, metadata: {name: a}}")
    found = read_manifests([str(tmp_path / "a"), str(tmp_path / "b")], BytesIO())
    assert [one.where() for one in found] == [f"{tmp_path}/a/x.yaml:1", f"{tmp_path}/b/x.yaml:1"]
