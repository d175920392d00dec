"""Backtests for tests: a plan without queries, series of rows, and what the command said."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from console.cli import main
from tests.judge_rig import NOON, stream

PLAN = """\
warroom: 1
rollout: bt
backends: {edge: {adapter: embedded}, prom: {adapter: prometheus, url: "http://prometheus.test:9090"}}
targets: {api: {backend: edge, kind: deploy}}
metrics:
  errors: {backend: prom, min_excess: 0}
  load: {backend: prom, shape: gauge}
  slow: {backend: prom, shape: histogram, role: guard}
stages:
  - {name: smoke, set: {api: 5}}
  - {name: ten, set: {api: 10}}
  - {name: full, set: {api: 100}}
"""
HEADER = "at,metric,arm,total,bad\n"
STAGED = "at,metric,arm,total,bad,stage\n"

Json = dict[str, Any]


@dataclass
class Said:
    """What one backtest said."""

    code: int
    out: str
    err: str

    @property
    def objects(self) -> list[Json]:
        """The lines of --json, as strict JSON: no NaN, no Infinity."""
        return [json.loads(line, parse_constant=_refused) for line in self.out.splitlines()]

    @property
    def changes(self) -> list[Json]:
        return self.objects[:-1]

    def summary(self, metric: str = "errors") -> Json:
        found: Json = self.objects[-1]["summary"][metric]
        return found

    def states(self, metric: str = "errors") -> list[tuple[str, str]]:
        """(HH:MM:SS, state and detail) of every change of a metric."""
        return [
            (change["at"][11:19], f"{change['state']} {change['detail'] or ''}".strip())
            for change in self.changes
            if change["metric"] == metric
        ]


def _refused(token: str) -> None:
    raise AssertionError(f"{token} is not JSON")


class Bench:
    """A folder with a plan, and the command run over files in it."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys
        self.plan(PLAN)

    def plan(self, text: str) -> None:
        (self.folder / "plan.yaml").write_text(text, encoding="utf-8")

    def run(self, data: str | bytes, *more: str, name: str = "series.csv") -> Said:
        """Backtest a file of this content, with --json."""
        return self.shown(data, "--json", *more, name=name)

    def shown(self, data: str | bytes, *more: str, name: str = "series.csv") -> Said:
        """The same as a person sees it."""
        path = self.folder / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode("utf-8"))
        code = main(["backtest", str(self.folder / "plan.yaml"), "--series", str(path), *more])
        out, err = self._capsys.readouterr()
        return Said(code, out, err.replace(f"{self.folder}/", ""))


def at(tick: float) -> str:
    """The time of a tick: ten seconds each from noon."""
    return f"{NOON.timestamp() + 10 * tick:.1f}" if tick % 1 else str(int(NOON.timestamp() + 10 * tick))


def rows(
    ticks: Iterable[tuple[float, float, float, float]], metric: str = "errors", first: int = 0, stage: str | None = None
) -> list[str]:
    """Two lines a tick of (canary bad, canary total, baseline bad, baseline total)."""
    more = "" if stage is None else f",{stage}"
    return [
        line
        for number, (kc, nc, kb, nb) in enumerate(ticks, first)
        for line in (
            f"{at(number)},{metric},canary,{nc},{kc}{more}\n",
            f"{at(number)},{metric},baseline,{nb},{kb}{more}\n",
        )
    ]


def counts(ticks: int, ratio: float = 1.0, seed: int = 1) -> list[tuple[float, float, float, float]]:
    """A seeded stream: 50 req/s of which a tenth go to the canary, 1 % bad."""
    return stream(seed, ticks, canary=50, baseline=450, bad=0.01, ratio=ratio)


def only(lines: Sequence[str], arm: str) -> list[str]:
    return [line for line in lines if f",{arm}," in line]


def text(lines: Iterable[str], header: str = HEADER) -> str:
    return header + "".join(lines)


def as_json_lines(lines: Iterable[str], header: str = HEADER) -> Iterator[str]:
    names = header.strip().split(",")
    for line in lines:
        cells = dict(zip(names, line.strip().split(","), strict=True))
        numbers = {name: float(cells[name]) for name in ("at", "total", "bad", "value") if name in cells}
        yield json.dumps({**cells, **numbers}) + "\n"
