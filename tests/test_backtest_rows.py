"""What is wrong with a file of samples: every fault in one line with file and line, exit 2, unless it is lenient."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from console.cli import main
from tests.backtest_rig import HEADER, STAGED, Bench, as_json_lines, at, counts, rows, text

Capture = pytest.CaptureFixture[str]
GOOD = rows(counts(30))
WHEN = "write 2026-03-02T12:00:00Z, or seconds since 1970"
ALL_HISTORY = "series.csv: no row has a stage that exposes anything, so all of it is history and nothing is judged"


@pytest.fixture
def bench(tmp_path: Path, capsys: Capture) -> Bench:
    return Bench(tmp_path, capsys)


BAD_ROWS = [
    (f"{at(30)},errors,canary,50\n", "has 4 columns where the header has 5"),
    (f"{at(30)},errors,canary,50,1,2\n", "has 6 columns where the header has 5"),
    (f"{at(30)},errors,blue,50,1\n", "unknown arm 'blue'; the arms are canary and baseline"),
    (f"{at(30)},errros,canary,50,1\n", "the plan has no metric 'errros'; did you mean 'errors'?"),
    (f"{at(30)},errors,canary,many,1\n", "total: 'many' is not a number"),
    (f"{at(30)},errors,canary,50,1_0\n", "bad: '1_0' is not a number"),
    (f"{at(30)},errors,canary,50,\n", "bad: is empty, and errors is counts"),
    (f"{at(30)},load,canary,50,1\n", "required column 'value' is missing: load is a gauge"),
    ("yesterday,errors,canary,50,1\n", f"at: 'yesterday' is not a time; {WHEN}"),
    ("nan,errors,canary,50,1\n", f"at: 'nan' is not a time; {WHEN}"),
    ("1e30,errors,canary,50,1\n", f"at: '1e30' is not a time; {WHEN}"),
    (f'{at(30)},"errors,canary,50,1\n', "has 2 columns where the header has 5"),
]  # fmt: skip


@pytest.mark.parametrize(("row", "told"), BAD_ROWS, ids=[told for _, told in BAD_ROWS])
def test_a_bad_row_is_an_error_with_its_line(bench: Bench, row: str, told: str) -> None:
    said = bench.run(text([*GOOD[:9], row]))
    assert (said.code, said.out) == (2, "")
    assert said.err == f"warroom: series.csv:11: {told}\n"


@pytest.mark.parametrize(("row", "told"), BAD_ROWS, ids=[told for _, told in BAD_ROWS])
def test_a_lenient_reading_leaves_it_out_and_says_so(bench: Bench, row: str, told: str) -> None:
    said = bench.run(text([*GOOD[:9], row, *GOOD[9:]]), "--lenient")
    assert (said.code, said.changes) == (0, bench.run(text(GOOD)).changes)
    assert f"warroom: 1 bad row was left out, the first: series.csv:11: {told}\n" in said.err


@pytest.mark.parametrize("row", [f"{at(30)},errors,canary,many,1\n", f"{at(30)},errors,blue,1,1\n", "1,errors\n"])
def test_a_bad_row_of_a_known_metric_is_a_sample_that_could_not_be_counted(bench: Bench, row: str) -> None:
    said = bench.run(text([*GOOD, row]), "--lenient")
    assert (said.summary()["ticks"], said.summary()["dirty"]) == (30, 1)
    assert bench.run(text([*GOOD, row.replace("errors", "load")]), "--lenient").summary("load")["dirty"] == 1


def test_a_quote_that_is_never_closed_takes_no_good_rows_with_it(bench: Bench) -> None:
    many = rows(counts(3000))
    said = bench.run(text([*many[:9], f'{at(5)},"errors,canary,50,1\n', *many[9:]]), "--lenient")
    assert said.summary()["ticks"] == 3000
    assert "1 bad row was left out" in said.err


def test_several_bad_rows_are_counted_and_the_first_is_told(bench: Bench) -> None:
    said = bench.run(text([*GOOD, "x,errors,canary,1,1\n", "x,errors,blue,1,1\n"]), "--lenient")
    assert "2 bad rows were left out, the first: series.csv:62: at: 'x' is not a time" in said.err


def _object(**cells: object) -> str:
    whole = {"at": 1, "metric": "errors", "arm": "canary", "total": 1, "bad": 0, **cells}
    return json.dumps({name: cell for name, cell in whole.items() if cell is not None}) + "\n"


BAD_OBJECTS = [
    ("{broken\n", "is not JSON (Expecting property name enclosed in double quotes at column 2)"),
    ("[" * 100_000 + "\n", "is not JSON"),
    ('"text"\n', "is not a JSON object"),
    (_object(bad=None), "required column 'bad' is missing: errors is counts"),
    (_object(at=None), "required column 'at' is missing"),
    (_object(total=True), "total: true is not a number"),
    (_object(total=[1]), "total: [1] is not a number"),
    (_object(metric={}), "the plan has no metric {}; there are: errors, load, slow"),
    (_object(arm=["canary"]), 'unknown arm ["canary"]; the arms are canary and baseline'),
    (_object(at={}), f"at: {{}} is not a time; {WHEN}"),
]  # fmt: skip


@pytest.mark.parametrize(("row", "told"), BAD_OBJECTS, ids=[told for _, told in BAD_OBJECTS])
def test_a_bad_object_is_an_error_with_its_line(bench: Bench, row: str, told: str) -> None:
    good = list(as_json_lines(GOOD))
    said = bench.run("".join([*good[:4], row]), name="series.jsonl")
    assert (said.code, said.out, said.err) == (2, "", f"warroom: series.jsonl:5: {told}\n")
    lenient = bench.run("".join([*good[:4], row, *good[4:]]), "--lenient", name="series.jsonl")
    assert lenient.changes == bench.run(text(GOOD)).changes


def test_null_and_nan_in_json_are_dirty(bench: Bench) -> None:
    good = list(as_json_lines(GOOD))
    for nothing in ("null", "NaN", "Infinity", "1e999", "9" * 400):
        odd = good[10].replace('"total": 50.0', f'"total": {nothing}')
        said = bench.run("".join([*good[:10], odd, *good[11:]]), name="series.jsonl")
        assert (said.summary()["ticks"], said.summary()["dirty"]) == (29, 1)


@pytest.mark.parametrize("data", [text(GOOD).encode() + b"1,err\xffors,canary,1,1\n", text(GOOD).encode() + b"\x80\n"])
def test_a_row_that_is_not_utf8_is_an_error_with_its_line(bench: Bench, data: bytes) -> None:
    said = bench.run(data)
    assert said.code == 2
    assert said.err.startswith("warroom: series.csv:62: is not UTF-8 text (byte ")
    assert bench.run(data, "--lenient").out == bench.run(text(GOOD)).out


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ("", "series.csv: is empty"),
        ("\n \n", "series.csv: is empty"),
        (HEADER, "series.csv: has no rows to judge"),
        ("".join(GOOD), "series.csv:1: required column 'at' is missing"),
        ("at,metric,arm,total\n", "series.csv:1: required column 'bad' is missing"),
        ("at,at,metric,arm,total,bad\n", "series.csv:1: column 'at' is there twice"),
        (
            HEADER.replace(",", ";"),
            "series.csv:1: required column 'at' is missing; the first line names the columns, with commas between them",
        ),
        ('[{"at": 1}]', "series.csv:1: is a JSON array; write one object a line"),
        (text(rows(counts(3), stage=""), STAGED), ALL_HISTORY),
        (
            text(rows(counts(3), stage="smok"), STAGED),
            "series.csv:2: the plan has no stage 'smok'; did you mean 'smoke'?",
        ),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_refused_in_one_line(bench: Bench, data: str, told: str) -> None:
    said = bench.run(data)
    assert (said.code, said.out, said.err) == (2, "", f"warroom: {told}\n")


def test_a_file_of_bad_rows_alone_is_refused_even_leniently(bench: Bench) -> None:
    said = bench.run(text(["x,errors,canary,1,1\n"]), "--lenient")
    assert said.code == 2
    assert "has no rows to judge; 1 bad row was left out, the first: series.csv:2: at: 'x'" in said.err


def test_a_row_over_several_lines_is_told_by_its_first(bench: Bench) -> None:
    data = 'at,metric,arm,total,bad,note\n1,errors,canary,1,1,"one\ntwo"\n1,errors,canary,1,x,"one\ntwo"\n'
    assert bench.run(data).err == "warroom: series.csv:4: bad: 'x' is not a number\n"


def test_what_a_file_says_cannot_act_on_the_terminal(bench: Bench) -> None:
    said = bench.run(text(["1,errors,can\x1b]52;c;aGk=\x07ary,1,1\n"]))
    assert said.code == 2
    assert said.err.isprintable() or said.err.strip().isprintable()


@pytest.mark.parametrize("path", ["nowhere.csv", ".", "a\0b"])
def test_a_file_that_cannot_be_read_is_one_line(bench: Bench, capsys: Capture, path: str) -> None:
    code = main(["backtest", str(bench.folder / "plan.yaml"), "--series", str(bench.folder / path)])
    assert code == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert err.startswith("warroom: ")


def test_blank_lines_are_no_rows(bench: Bench) -> None:
    assert bench.run(text(f"{line}\n" for line in GOOD)).out == bench.run(text(GOOD)).out


def test_a_file_called_json_lines_is_read_as_such_whatever_its_first_line(bench: Bench) -> None:
    good = list(as_json_lines(GOOD))
    said = bench.run("".join(["garbage\n", *good]), "--lenient", name="series.jsonl")
    assert said.changes == bench.run(text(GOOD)).changes
    assert "series.jsonl:1: is not JSON" in said.err


def test_a_file_in_another_encoding_is_refused_even_leniently(bench: Bench) -> None:
    said = bench.run(text(GOOD).encode("utf-16"), "--lenient")
    assert said.code == 2
    assert said.err.count("\n") == 1
