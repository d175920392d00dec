"""A console in a pseudo-terminal, for benchmarks: keys in, bytes out, and an end by a signal or by hanging up."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.faults.room import Stuck

PATIENCE_S = 60.0
_CONSOLE = (
    "import os, sys; OWN; "
    "from adapters import registry; registry.BUILT_IN['counting'] = 'tests.bench.faults.adapter'; "
    "from console.cli import main; sys.exit(main(sys.argv[1:]))"
)


class Seat:
    """A console in a terminal of its own."""

    def __init__(self, command: list[str]) -> None:
        self._master, self._slave = pty.openpty()
        self._open = True
        self._resize(40, 120)
        # Where these are set, the screen believes them and not the terminal.
        inherited = {name: value for name, value in os.environ.items() if name not in ("LINES", "COLUMNS")}
        environment = {**inherited, "TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
        self.process = subprocess.Popen(
            command, stdin=self._slave, stdout=self._slave, stderr=self._slave, env=environment
        )
        self._said = bytearray()

    def press(self, key: bytes) -> None:
        """Press a key; what was on the screen before does not count for `until` any more."""
        self._said.clear()
        os.write(self._master, key)

    def read(self, within_s: float) -> None:
        """Take what the console writes."""
        if select.select([self._master], [], [], within_s)[0]:
            self._said += os.read(self._master, 65536)

    def until(self, words: bytes) -> None:
        """Wait for words. Raises Stuck."""
        until = time.monotonic() + PATIENCE_S
        while words not in self._said:
            if time.monotonic() > until:
                raise Stuck(f"{words!r} is not on the screen: {self.tail()}")
            self.read(0.2)

    def tail(self) -> str:
        """What it wrote last."""
        return self._said[-600:].decode("utf-8", "replace")

    def stall(self) -> None:
        """Have it paint everything again and again, and read nothing: then its screen is stuck. Raises Stuck."""
        until = time.monotonic() + PATIENCE_S
        painted = columns = 0
        while painted < 20:
            if time.monotonic() > until:
                raise Stuck("the terminal does not fill up")
            columns = (columns + 1) % 20
            self._resize(40, 100 + columns)
            self.process.send_signal(signal.SIGWINCH)  # a terminal that is not its own does not tell it
            time.sleep(0.15)
            painted += not select.select([], [self._slave], [], 0)[1]

    def hang_up(self) -> None:
        """The terminal is gone: reads and writes of the console end with EIO."""
        if self._open:
            self._open = False
            os.close(self._master)
            os.close(self._slave)

    def ended(self) -> int:
        """Wait for its end; its exit code. Raises Stuck."""
        until = time.monotonic() + PATIENCE_S
        while (code := self.process.poll()) is None:
            if time.monotonic() > until:
                raise Stuck(f"it does not end: {self.tail()}")
            time.sleep(0.005)
        return code

    def _resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


@contextmanager
def seated(plan: Path, journal: Path, *, controls: bool = True) -> Iterator[Seat]:
    """`warroom run` on a plan; it ends with the block.

    Args:
        plan, journal: files.
        controls: whether the terminal is the process's own, so that its loss is also a SIGHUP.
    """
    start = _CONSOLE.replace("OWN", "os.login_tty(0)" if controls else "os.setsid()")
    seat = Seat([sys.executable, "-c", start, "run", str(plan), "--journal", str(journal)])
    try:
        yield seat
    finally:
        seat.process.kill()
        seat.process.wait()
        seat.hang_up()
