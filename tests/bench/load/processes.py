"""The cost of a process in the kernel's figures: CPU, memory, descriptors, threads (proc(5))."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_MIB = 1024.0


@dataclass(frozen=True, slots=True)
class ProcessCost:
    """What one process uses at a moment."""

    cpu_s: float
    """User and system time since its start, in seconds."""
    pss_mib: float
    """Proportional memory in MiB: each shared page counts as its share."""
    rss_mib: float
    descriptors: int
    threads: int


def process_cost(pid: int) -> ProcessCost:
    """The cost of a process that runs. Raises OSError."""
    folder = Path("/proc") / str(pid)
    fields = (folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    memory = _memory_kib(folder)
    return ProcessCost(
        cpu_s=ticks / _TICKS_A_SECOND,
        pss_mib=memory["Pss"] / _MIB,
        rss_mib=memory["Rss"] / _MIB,
        descriptors=len(list((folder / "fd").iterdir())),
        threads=int(fields[17]),
    )


def _memory_kib(folder: Path) -> dict[str, int]:
    lines = (folder / "smaps_rollup").read_text(encoding="ascii").splitlines()[1:]
    return {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}


def is_running(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        stat = (Path("/proc") / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
