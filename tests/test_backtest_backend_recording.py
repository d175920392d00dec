"""`warroom backtest --from --to`: the same over what the plan's metrics backend remembers."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from console.cli import main
from tests.prometheus_fake import Fake, Value, counter, prometheus

Capture = pytest.CaptureFixture[str]
Counter = Callable[[float], float]
NOW = time.time()
BEGIN = NOW // 10 * 10 - 6 * 3600
"""Six hours ago: the window is long over when it is asked for."""
PLAN = """\
warroom: 1
rollout: asked
backends:
  edge: {{adapter: embedded}}
  prom: {{adapter: prometheus, url: "{url}"}}
targets: {{api: {{backend: edge, kind: deploy}}}}
metrics:
  errors:
    backend: prom
    bad: errors
    total: requests
    arms: {{label: version, canary: v2, baseline: v1}}
stages:
  - {{name: smoke, set: {{api: 10}}}}
  - {{name: full, set: {{api: 100}}}}
"""


def kinked(rate: float, then: float, at: float) -> Counter:
    """A counter that rises faster from `at` on."""
    return lambda now: float(int((min(now, at) - BEGIN + 8000) * rate + max(0.0, now - at) * then))


def worsening() -> Fake:
    """Forty minutes of a canary that errs ten times as often after half of them; an hour of history."""

    def exposed(value: Counter) -> Value:
        return lambda now: value(now) - value(BEGIN - 300) if now >= BEGIN - 300 else None

    return Fake(
        {
            "requests": [({"version": "v1"}, counter(90)), ({"version": "v2"}, exposed(counter(10)))],
            "errors": [({"version": "v1"}, counter(0.9)), ({"version": "v2"}, exposed(kinked(0.1, 1.0, BEGIN + 1200)))],
        }
    )


def run(folder: Path, capsys: Capture, url: str, *more: str) -> tuple[int, str, str]:
    plan = folder / "plan.yaml"
    plan.write_text(PLAN.format(url=url), encoding="utf-8")
    code = main(["backtest", str(plan), *more])
    return (code, *capsys.readouterr())


def test_a_past_regression_is_found_where_it_began(tmp_path: Path, capsys: Capture) -> None:
    with prometheus(worsening()) as fake:
        span = ["--from", f"{BEGIN:.0f}", "--to", f"{BEGIN + 2400:.0f}"]
        code, out, err = run(tmp_path, capsys, fake.url, *span, "--json")
    assert (code, err) == (0, "")
    summary = json.loads(out.splitlines()[-1])["summary"]["errors"]
    failed = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(BEGIN + 1200))
    assert failed < summary["first_fail_at"] < time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(BEGIN + 1400))
    assert (summary["ticks"], summary["dirty"]) == (240, 0)


def test_the_past_is_asked_for_as_of_then_and_an_hour_of_history_with_it(tmp_path: Path, capsys: Capture) -> None:
    with prometheus(worsening()) as fake:
        run(tmp_path, capsys, fake.url, "--from", f"{BEGIN:.0f}", "--to", f"{BEGIN + 2400:.0f}")
    times = sorted(float(form["time"]) for form in fake.forms)
    assert times[-1] == BEGIN + 2400
    earliest = min(float(form["time"]) - int(form["query"].split("[")[1].removesuffix("s]")) for form in fake.forms)
    assert BEGIN - 2 * 3600 < earliest <= BEGIN - 3600


def test_a_backend_that_is_down_is_one_line_and_exit_3(tmp_path: Path, capsys: Capture) -> None:
    code, out, err = run(tmp_path, capsys, "http://127.0.0.1:1", "--from", f"{BEGIN:.0f}", "--json")
    assert (code, err) == (3, "warroom: prom: connection refused at 127.0.0.1:1\n")
    nothing = {"first_fail_at": None, "first_pass_at": None, "ticks": 0, "dirty": 0}
    assert json.loads(out) == {"summary": {"errors": nothing}}


def test_a_time_without_data_is_said(tmp_path: Path, capsys: Capture) -> None:
    with prometheus(Fake()) as fake:
        code, _, err = run(tmp_path, capsys, fake.url, "--from", f"{BEGIN:.0f}", "--to", f"{BEGIN + 600:.0f}")
    assert (code, err) == (0, "warroom: errors: no data in this time\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ["--from", "yesterday"],
            "--from: 'yesterday' is not a time; write 2026-03-02T12:00:00Z, or seconds since 1970",
        ),
        (
            ["--from", "2001-01-02", "--to", "2001-01-01"],
            "--from 2001-01-02T00:00:00Z is not before --to 2001-01-01T00:00:00Z",
        ),
        (["--from", "2001-01-01", "--to", "2001-03-01"], "--from and --to are more than 31 days apart"),
        (["--from", "9999-01-01"], "--from 9999-01-01T00:00:00Z is not before now"),
        (["--series", "x.csv", "--to", "2001-01-01"], "--to needs --from; with --series the whole file is judged"),
    ],
)  # fmt: skip
def test_a_span_that_cannot_be_is_refused(tmp_path: Path, capsys: Capture, arguments: list[str], told: str) -> None:
    assert run(tmp_path, capsys, "http://127.0.0.1:1", *arguments) == (2, "", f"warroom: {told}\n")
