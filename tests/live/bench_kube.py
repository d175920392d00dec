"""How much a namespace of 300 Rollouts costs: the first State against the raw list, and the idle screen's watch.

    source .venv/kube.env && .venv/bin/python -m tests.live.bench_kube [--rounds N] [--only first|idle]

A real API server, no controllers: the Rollouts stand at a pause and nothing changes. Figures are ratios on one machine.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import ssl
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from adapters.kube.client import PAGE
from adapters.transport.sending import Sending
from console.cli.commands import GC_THRESHOLDS
from console.engine.clock import SystemClock
from console.engine.config import EngineConfig
from console.engine.engine import Engine
from console.journal.sqlite import SqliteJournal
from console.plan.loader import parse
from tests.live.kube.cluster import ADMIN, Cluster, cluster
from tests.live.kube.objects import ROLLOUTS, canary, rollout
from tests.terminal import terminal

COUNT = 300
ROUNDS = 15
IDLE_S = 60.0
_STATUS: dict[str, Any] = {
    "phase": "Paused",
    "message": "CanaryPauseStep",
    "observedGeneration": "1",
    "currentPodHash": "6f9c8d7b5",
    "stableRS": "5d5d4cddd",
    "currentStepIndex": 1,
    "controllerPause": True,
    "pauseConditions": [{"reason": "CanaryPauseStep", "startTime": "2026-01-01T10:00:00Z"}],
    "replicas": 5,
    "updatedReplicas": 1,
    "availableReplicas": 5,
    "readyReplicas": 5,
    "conditions": [
        {
            "type": kind,
            "status": "True",
            "reason": "RolloutPaused",
            "message": "Rollout is paused",
            "lastTransitionTime": "2026-01-01T10:00:00Z",
            "lastUpdateTime": "2026-01-01T10:00:00Z",
        }
        for kind in ("Available", "Paused", "Progressing", "Completed", "Healthy")
    ],
}
_QUIET = """
import sys
from adapters.kube import informer
async def nothing(self):
    import asyncio
    await asyncio.Event().wait()
if {quiet}:
    informer.Informer._follow = nothing
    informer.Informer._believed = lambda self: True
from console.cli import main
sys.exit(main({arguments!r}))
"""


def plan(kube: Cluster, targets: int) -> str:
    names = [f"r{number:03d}" for number in range(targets)]
    return json.dumps(
        {
            "warroom": 1,
            "rollout": f"bench{targets}",
            "backends": {
                "cluster": {"adapter": "argo-rollouts", "kubeconfig": str(kube.kubeconfig()), "context": "live"}
            },
            "targets": {name: {"backend": "cluster"} for name in names},
            "stages": [
                {"name": "gate", "set": dict.fromkeys(names, "step 1")},
                {"name": "full", "set": dict.fromkeys(names, "all steps")},
            ],
        }
    )


async def fill(kube: Cluster) -> None:
    """300 Rollouts that stand at their first pause."""
    steps: list[dict[str, Any]] = []
    for percent in (5, 20, 40, 60, 80):
        steps += [{"setWeight": percent}, {"pause": {}}]
    async with _client(kube) as admin:
        for first in range(0, COUNT, 30):
            names = [f"r{number:03d}" for number in range(first, first + 30)]
            made = (rollout(name, f"registry.example/shop/{name}:1.2.3", canary(*steps)) for name in names)
            await asyncio.gather(*(admin.post(ROLLOUTS, json=one) for one in made))
            kind = {"Content-Type": "application/merge-patch+json"}
            patches = (admin.patch(f"{ROLLOUTS}/{n}/status", json={"status": _STATUS}, headers=kind) for n in names)
            await asyncio.gather(*patches)


def _client(kube: Cluster) -> httpx.AsyncClient:
    context = ssl.create_default_context(cafile=str(kube.ca))
    return httpx.AsyncClient(
        base_url=kube.url, headers={"Authorization": f"Bearer {ADMIN}"}, verify=context, timeout=60
    )


async def raw_list_s(kube: Cluster) -> tuple[float, int]:
    """(seconds from the request's first byte to the answer's last, bytes) of the list alone."""
    first: list[float] = []

    async def trace(event: str, _info: object) -> None:
        if event.endswith("send_request_headers.started"):
            first.append(time.perf_counter())

    async with _client(kube) as admin:
        answer = await admin.get(f"{ROLLOUTS}?limit={PAGE}", extensions={"trace": trace})
        return time.perf_counter() - first[0], len(answer.content)


async def first_state_s(kube: Cluster, folder: Path, targets: int) -> float:
    """Seconds from the list request's first byte to the first State of all targets."""
    first: list[float] = []
    kept = Sending.trace

    async def trace(self: Sending, event: str, info: object) -> None:
        if event.endswith("send_request_headers.started") and not first:
            first.append(time.perf_counter())
        await kept(self, event, info)

    Sending.trace = trace  # type: ignore[method-assign]
    try:
        journal = SqliteJournal(folder / f"{time.monotonic_ns()}.db")
        engine = await Engine.open(
            EngineConfig(parse(plan(kube, targets), "plan.yaml"), journal, SystemClock(), folder, "0"), lambda _s: None
        )
        state = engine.state()
        took = time.perf_counter() - first[0]
        assert all(entry.reading is not None for entry in state.targets.values())
        await engine.close()
        journal.close()
    finally:
        Sending.trace = kept  # type: ignore[method-assign]
    return took


async def idle_cpu_s(kube: Cluster, folder: Path, targets: int, *, quiet: bool) -> float:
    """CPU seconds of the war room over IDLE_S, with its watches or `quiet`, without."""
    file = folder / f"plan{targets}{quiet}.yaml"
    file.write_text(plan(kube, targets), encoding="utf-8")
    arguments = ["run", str(file), "--journal", str(folder / f"idle{targets}{quiet}.db")]
    command = [sys.executable, "-c", _QUIET.format(quiet=quiet, arguments=arguments)]
    async with terminal(command, size=(120, 40)) as opened:
        await opened.until("STAGES")
        await asyncio.sleep(10)
        before = _cpu_s(opened.process.pid)
        await asyncio.sleep(IDLE_S)
        return _cpu_s(opened.process.pid) - before


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def first(kube: Cluster, folder: Path, rounds: int) -> None:
    """Each first State right after a raw list, so that both have the same neighbours."""
    for targets in (1, 10, COUNT):
        await first_state_s(kube, folder, targets)
        pairs, size = [], 0
        for _ in range(rounds):
            raw_s, size = await raw_list_s(kube)
            pairs.append((raw_s, await first_state_s(kube, folder, targets)))
        raw, took = (statistics.median(column) * 1000 for column in zip(*pairs, strict=True))
        ratios = sorted(took_s / raw_s for raw_s, took_s in pairs)
        least = min(took_s for _, took_s in pairs) / min(raw_s for raw_s, _ in pairs)
        say(
            f"first State, {targets} targets: {took:.0f} ms, the raw list of {COUNT} ({size / 1024 / 1024:.1f} MiB)"
            f" {raw:.0f} ms; {statistics.median(ratios):.2f}x it as the median of {rounds} pairs"
            f" ({ratios[rounds // 4]:.2f} to {ratios[-1 - rounds // 4]:.2f} in the middle half),"
            f" {least:.2f}x best against best"
        )


async def idle(kube: Cluster, folder: Path) -> None:
    for targets in (1, COUNT):
        without = await idle_cpu_s(kube, folder, targets, quiet=True)
        watching = await idle_cpu_s(kube, folder, targets, quiet=False)
        share = f"{watching / IDLE_S * 100:.2f} % of a core against {without / IDLE_S * 100:.2f} %"
        say(f"idle screen, {targets} targets: {share} without the watch, {watching / without:.2f}x")


async def measured(kube: Cluster, folder: Path, rounds: int, only: str | None) -> None:
    await fill(kube)
    if only != "idle":
        await first(kube, folder, rounds)
    if only != "first":
        await idle(kube, folder)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench_kube")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--only", choices=("first", "idle"))
    options = parser.parse_args()
    gc.set_threshold(*GC_THRESHOLDS)  # as the command has it
    with tempfile.TemporaryDirectory() as name, cluster(Path(name) / "kube", argo=False) as kube:
        asyncio.run(measured(kube, Path(name), options.rounds, options.only))


if __name__ == "__main__":
    main()
