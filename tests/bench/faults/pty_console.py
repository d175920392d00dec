"""A whole console in a pseudo-terminal: press keys, read its output, end it by a signal or a hang-up."""

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

from tests.bench.faults.engine_console import Stuck

PATIENCE_S = 60.0
"""How long an expected output or exit may take."""
_ROOT = Path(__file__).parents[3]
_PROGRAM = (
    "import os, sys; TERMINAL; "
    "from adapters import registry; registry.BUILT_IN['counting'] = 'tests.bench.faults.adapter'; "
    "from console.cli import main; sys.exit(main(sys.argv[1:]))"
)


class PtyConsole:
    """`warroom` in its own pseudo-terminal."""

    def __init__(self, command: list[str]) -> None:
        self._master, self._slave = pty.openpty()
        self._open = True
        self._resize(40, 120)
        # If these are set, the screen believes them instead of the terminal.
        inherited = {name: value for name, value in os.environ.items() if name not in ("LINES", "COLUMNS")}
        environment = {**inherited, "TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
        self.process = subprocess.Popen(
            command, stdin=self._slave, stdout=self._slave, stderr=self._slave, env=environment, cwd=_ROOT
        )
        self._output = bytearray()

    def press(self, key: bytes) -> None:
        """Press a key and forget earlier output: `wait_for` sees later output only."""
        self._output.clear()
        os.write(self._master, key)

    def read(self, within_s: float) -> None:
        """Read the console's output for at most `within_s`."""
        if select.select([self._master], [], [], within_s)[0]:
            self._output += os.read(self._master, 65536)

    def wait_for(self, words: bytes) -> None:
        """Wait until `words` are in the output. Raises Stuck."""
        deadline = time.monotonic() + PATIENCE_S
        while words not in self._output:
            if time.monotonic() > deadline:
                raise Stuck(f"{words!r} is not on the screen: {self.tail()}")
            self.read(0.2)

    def tail(self) -> str:
        """The last 600 bytes of output."""
        return self._output[-600:].decode("utf-8", "replace")

    def stall(self) -> None:
        """Make the console repaint without reading its output, until its screen blocks. Raises Stuck."""
        deadline = time.monotonic() + PATIENCE_S
        painted = columns = 0
        while painted < 20:
            if time.monotonic() > deadline:
                raise Stuck("the terminal does not fill up")
            columns = (columns + 1) % 20
            self._resize(40, 100 + columns)
            self.process.send_signal(signal.SIGWINCH)  # only a controlling terminal sends it by itself
            time.sleep(0.15)
            painted += not select.select([], [self._slave], [], 0)[1]

    def hang_up(self) -> None:
        """Close the terminal: the console's reads and writes fail with EIO."""
        if self._open:
            self._open = False
            os.close(self._master)
            os.close(self._slave)

    def wait_for_exit(self) -> int:
        """Wait until the console exits; return its exit code. Raises Stuck."""
        deadline = time.monotonic() + PATIENCE_S
        while (code := self.process.poll()) is None:
            if time.monotonic() > deadline:
                raise Stuck(f"the console does not exit: {self.tail()}")
            time.sleep(0.005)
        return code

    def _resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


@contextmanager
def open_pty_console(plan: Path, journal: Path, *, controls: bool = True) -> Iterator[PtyConsole]:
    """Run `warroom run` on a plan within the block.

    Args:
        plan, journal: paths.
        controls: whether the terminal is the controlling one, so that closing it also sends SIGHUP.
    """
    start = _PROGRAM.replace("TERMINAL", "os.login_tty(0)" if controls else "os.setsid()")
    pty = PtyConsole([sys.executable, "-c", start, "run", str(plan), "--journal", str(journal)])
    try:
        yield pty
    finally:
        pty.process.kill()
        pty.process.wait()
        pty.hang_up()
