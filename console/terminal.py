"""The terminal itself: whether it can show the screen at all, and its window's title."""

from __future__ import annotations

from collections.abc import Mapping
from io import TextIOWrapper
from typing import Any, Protocol, runtime_checkable

from textual.app import App
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver

_TITLE_LIMIT = 80
_SAVE, _RESTORE = "\x1b[22;2t", "\x1b[23;2t"
"""XTWINOPS: push and pop the window title (xterm control sequences, CSI Ps t)."""


class Tty(Protocol):
    """A stream that may be a terminal."""

    def isatty(self) -> bool: ...


def why_unusable(environ: Mapping[str, str], *streams: Tty | None) -> str | None:
    """Why the screen cannot be shown here, one plain line; None if it can. Each of `streams` must be a terminal."""
    term = environ.get("TERM", "")
    if term in ("", "dumb", "unknown"):
        return f"warroom: this terminal cannot show a screen (TERM={term or 'not set'}); use the headless commands"
    if any(stream is None or not stream.isatty() for stream in streams):
        return "warroom: not on a terminal (input or output is redirected); use the headless commands"
    return None


def write_utf8(*streams: object) -> None:
    """Make `streams` write UTF-8 whatever the locale: the glyphs of the screen need it."""
    for stream in streams:
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


@runtime_checkable
class Titled(Protocol):
    """An application that names its window."""

    window: Driver | None


class TitledDriver(LinuxDriver):
    """The Linux driver; it saves the window's title and restores it."""

    def __init__(
        self, app: App[Any], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self.application = app

    def start_application_mode(self) -> None:
        """Save the window's title and hand the driver to the application."""
        super().start_application_mode()  # type: ignore[no-untyped-call]
        self.write(_SAVE)
        if isinstance(self.application, Titled):
            self.application.window = self

    def stop_application_mode(self) -> None:
        """Restore the window's title."""
        self.write(_RESTORE)
        super().stop_application_mode()


def name_window(window: Driver | None, title: str) -> None:
    """Set the window's title (OSC 2) to sanitized text, if there is a window."""
    if window is not None:
        window.write(f"\x1b]2;{title[:_TITLE_LIMIT]}\x07")
