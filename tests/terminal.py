"""A real program in a pseudo-terminal of its own: keys in, every byte it writes kept, its screen as a person sees it.

Here: start, type, read the screen, wait for words, stop reading, resize, kill. What runs in it is the test's business.
"""

from __future__ import annotations

import asyncio
import contextlib
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
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence

import pyte

KEYS = {"enter": "\r", "escape": "\x1b", "tab": "\t"}
"""Names of keys that are not their own character."""
WARROOM = (sys.executable, "-c", "import sys; from console.cli import main; sys.exit(main())")
"""The command `warroom` of this interpreter."""
PATIENCE_S = 60.0
"""How long a busy machine may take for anything; a test that passes does not wait for it."""
READING_S = 0.5
"""How long a person reads before the next key: a card drops what was typed before it was painted."""

_BECOME = "import os, sys; os.login_tty(0); os.execvp(sys.argv[1], sys.argv[1:])"
"""The pty becomes the controlling terminal before the program starts: its death is a hang-up, a resize a signal."""
_ENVIRONMENT = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}


def _inherited() -> dict[str, str]:
    """This process's environment without a screen size, which would count for more than the terminal's own."""
    return {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}


class Terminal:
    """One program and its terminal. The screen is read by the running event loop."""

    def __init__(self, command: Sequence[str], size: tuple[int, int], environment: Mapping[str, str]) -> None:
        self._master, self._slave = pty.openpty()
        self._gone = False
        self.raw = bytearray()
        """Everything the program has written and somebody has read."""
        self._screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self._screen)
        self._resize(size)
        os.set_blocking(self._master, False)
        self.process = subprocess.Popen(
            [sys.executable, "-c", _BECOME, *command],
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            env={**_inherited(), **_ENVIRONMENT, **environment},
        )
        self._listen()

    # -- reading -----------------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        asyncio.get_running_loop().add_reader(self._master, self._read)

    def _read(self) -> None:
        try:
            chunk = os.read(self._master, 65536)
        except (BlockingIOError, OSError):
            return
        self.raw += chunk
        self._stream.feed(chunk)

    @contextlib.contextmanager
    def unread(self) -> Iterator[None]:
        """Within the block nobody reads what the program writes."""
        asyncio.get_running_loop().remove_reader(self._master)
        try:
            yield
        finally:
            self._listen()

    def full(self) -> bool:
        """Whether the program could not write another byte now."""
        return not select.select([], [self._slave], [], 0)[1]

    def text(self) -> str:
        """The screen, one line per row."""
        return "\n".join(row.rstrip() for row in self._screen.display)

    def colours(self) -> set[str]:
        """Every colour of any cell, fore- and background; "default" is the terminal's own."""
        cells = [cell for row in self._screen.buffer.values() for cell in row.values()]
        return {colour for cell in cells for colour in (cell.fg, cell.bg)}

    async def until(self, *words: str | Callable[[str], bool], within_s: float = PATIENCE_S) -> str:
        """Wait until all `words` (or conditions on the text) hold of one screen; returns it, or fails showing it."""
        deadline = time.monotonic() + within_s
        while True:
            text = self.text()
            missing = [word for word in words if not (word in text if isinstance(word, str) else word(text))]
            if not missing:
                return text
            ended = self.process.poll()
            if ended is not None or time.monotonic() > deadline:
                state = "still running" if ended is None else f"ended with {ended}"
                raise AssertionError(f"not on the screen after {within_s:g} s: {missing} (program {state})\n{text}")
            await asyncio.sleep(0.05)

    # -- writing -----------------------------------------------------------------------------------------------------

    async def press(self, *keys: str) -> None:
        """Press keys by name or character, at the pace of quick fingers."""
        for key in keys:
            os.write(self._master, KEYS.get(key, key).encode())
            await asyncio.sleep(0.03)

    async def press_until_gone(self, key: str, words: str) -> None:
        """Read, press `key`, and press it again only if `words` stay on the screen for seconds."""
        await asyncio.sleep(READING_S)
        for _ in range(5):
            await self.press(key)
            with contextlib.suppress(AssertionError):
                await self.until(lambda text: words not in text, within_s=3.0)
                return
        raise AssertionError(f"{key} did not make it go away: {words!r}\n{self.text()}")

    def resize(self, size: tuple[int, int]) -> None:
        """Make the terminal another size: the program repaints everything."""
        self._resize(size)
        self._screen.resize(lines=size[1], columns=size[0])

    def _resize(self, size: tuple[int, int]) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))

    # -- ending ------------------------------------------------------------------------------------------------------

    async def kill(self) -> None:
        """SIGKILL, as a crash or an impatient colleague would."""
        self.process.send_signal(signal.SIGKILL)
        await self.ended()

    async def ended(self, within_s: float = PATIENCE_S) -> int:
        """Wait until the program has ended; its exit code."""
        deadline = time.monotonic() + within_s
        while (code := self.process.poll()) is None:
            if time.monotonic() > deadline:
                raise AssertionError(f"still running after {within_s:g} s\n{self.text()}")
            await asyncio.sleep(0.02)
        await asyncio.sleep(0)
        self._read()
        return code

    def hang_up(self) -> None:
        """The terminal goes away, as when its window, or tmux, is killed."""
        asyncio.get_running_loop().remove_reader(self._master)
        os.close(self._slave)
        os.close(self._master)
        self._gone = True

    def close(self) -> None:
        """Hang up; what does not end by itself is killed by its own pid."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if not self._gone:
            self.hang_up()


@contextlib.asynccontextmanager
async def terminal(
    command: Sequence[str], *, size: tuple[int, int] = (100, 30), environment: Mapping[str, str] | None = None
) -> AsyncIterator[Terminal]:
    """`command` in a fresh terminal, ended with the block."""
    opened = Terminal(command, size, environment or {})
    try:
        yield opened
    finally:
        opened.close()
