"""The base of every pane: it draws State into lines and repaints only what changed.

Bytes are latency on a slow line. A new State is drawn at once into plain lines and compared with the lines on the
screen; of each line only the part from the left edge to its last change is repainted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from textual.events import Resize
from textual.geometry import Region
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from console.state.values import State
from widgets.line import Line, Look, changed_cells, fit


class Pane(Widget):
    """A picture of State. A pane implements `draw`, which depends only on its reactives and its size."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"pane--{look}" for look in Look}

    DEFAULT_CSS = """
    Pane {
        .pane--plain { color: $foreground; }
        .pane--strong { color: $foreground; text-style: bold; }
        .pane--muted { color: $foreground; text-style: dim; }
        .pane--title { color: $text-primary; text-style: bold; }
        .pane--good { color: $text-success; }
        .pane--warn { color: $text-warning; text-style: bold; }
        .pane--alarm { color: $error-lighten-1; text-style: bold reverse; }
        &:light .pane--alarm { color: $error-darken-1; text-style: bold reverse; }
        .pane--stale { color: $foreground; text-style: dim; }
        .pane--canary { color: $text-primary; text-style: bold; }
        .pane--baseline { color: $foreground; text-style: dim; }
    }
    """

    state: reactive[State | None] = reactive(None, repaint=False)
    """The State to show; None before the first one."""

    lines: tuple[Line, ...] = ()
    """The lines on the screen now."""

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """The pane's lines in `width` x `height` cells; missing lines and cells are filled with blanks."""
        raise NotImplementedError

    def watch_state(self) -> None:
        """Draw the newer State."""
        self.redraw()

    def on_resize(self, _event: Resize) -> None:
        """Draw again in the new size."""
        self.lines = ()
        self.redraw()

    def redraw(self) -> None:
        """Draw again, and repaint the parts that differ from the lines on the screen."""
        width, height = self.size
        if not width or not height:
            return
        drawn = tuple(fit(line, width) for line in self.draw(width, height)[:height])
        drawn += (fit((), width),) * (height - len(drawn))
        before, self.lines = self.lines, drawn
        if len(before) != height:
            self.refresh()
            return
        changed = [Region(0, y, changed_cells(*pair), 1) for y, pair in enumerate(zip(before, drawn, strict=True))]
        dirty = [region for region in changed if region.width]
        if dirty:
            self.refresh(*dirty)

    def render_line(self, y: int) -> Strip:
        """Paint row `y` from the drawn lines."""
        width = self.size.width
        line = self.lines[y] if y < len(self.lines) else fit((), width)
        # Every segment carries a style: Textual's monochrome filter fails on one without.
        return Strip([Segment(text, self.get_component_rich_style(f"pane--{look}")) for text, look in line], width)
