"""`check --live` and `backtest --from` against a real Prometheus and a real VictoriaMetrics with the same history."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from console.cli import main
from tests.live import servers

pytestmark = pytest.mark.live

Capture = pytest.CaptureFixture[str]
Told = list[tuple[str, float, float]]
"""(series as text, unix seconds, value)"""

SCRAPE_S = 15.0
BACK_S = 5400.0
"""How far the history reaches."""
WORSE_S = 1200.0
"""How long ago the canary began to err ten times as often."""
PLAN = """\
warroom: 1
rollout: past
backends:
  edge: {{adapter: embedded}}
  prom: {{adapter: prometheus, url: "{url}"}}
targets: {{api: {{backend: edge, kind: deploy}}}}
metrics:
  errors:
    backend: prom
    bad: 'http_requests_total{{code=~"5.."}}'
    total: http_requests_total
    arms: {{label: version, canary: v42, baseline: v41}}
  mistyped:
    backend: prom
    role: info
    bad: 'http_requests_total{{status=~"5.."}}'
    total: http_requests_total
    arms: {{label: version, canary: v42, baseline: v41}}
stages:
  - {{name: smoke, set: {{api: 10}}, bake: 5m}}
  - {{name: full, set: {{api: 100}}}}
"""


def history(now: float) -> Told:
    """90 req/s of a baseline with 1 % errors, 10 req/s of a canary that turns bad."""
    told: Told = []
    first = int((now - BACK_S) // SCRAPE_S)
    for number in range(first, int(now // SCRAPE_S) + 1):
        at = number * SCRAPE_S
        ran, worse = at - first * SCRAPE_S, max(0.0, at - (now - WORSE_S))
        for version, rate, bad in (("v41", 90.0, 0.9 * ran), ("v42", 10.0, 0.1 * ran + 0.9 * worse)):
            told.append((f'http_requests_total{{version="{version}",code="200"}}', at, int(rate * ran)))
            told.append((f'http_requests_total{{version="{version}",code="500"}}', at, int(bad)))
    return told


@contextmanager
def prometheus(tmp: Path, told: Told) -> Iterator[str]:
    lines = [f"{text} {value} {at:.3f}" for text, at, value in sorted(told)]
    servers.backfill(tmp, "\n".join(["# TYPE http_requests counter", *lines, "# EOF", ""]))
    with servers.prometheus(tmp) as url:
        yield url


@contextmanager
def victoria(tmp: Path, told: Told) -> Iterator[str]:
    with servers.victoria(tmp) as url:
        servers.import_lines(url, "".join(f"{text} {value} {at * 1000:.0f}\n" for text, at, value in told))
        yield url


@pytest.mark.parametrize("start", [prometheus, victoria])
def test_the_last_hour_and_a_past_regression_are_read_from_a_real_server(
    start: Callable[[Path, Told], AbstractContextManager[str]], tmp_path: Path, capsys: Capture
) -> None:
    now = time.time()
    with start(tmp_path, history(now)) as url:
        plan = tmp_path / "plan.yaml"
        plan.write_text(PLAN.format(url=url), encoding="utf-8")
        assert main(["check", str(plan), "--live"]) == 0
        checked, _ = capsys.readouterr()
        begin, end = now - WORSE_S - 600, now - WORSE_S + 600
        assert main(["backtest", str(plan), "--from", f"{begin}", "--to", f"{end}", "--json"]) == 0
        out, _ = capsys.readouterr()
    assert "both arms have data; scraped every 15 s, so ticks of 20 s" in checked
    assert "matched no series within the hour" in checked
    assert "warning: metric errors: its bad selector" not in checked
    summary = json.loads(out.splitlines()[-1])["summary"]
    failed = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - WORSE_S))
    assert failed <= summary["errors"]["first_fail_at"] <= time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - 900))
    assert summary["errors"]["ticks"] >= 55
    assert summary["mistyped"]["first_fail_at"] is None
