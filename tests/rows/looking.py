"""All that a console shows of a rollout: cards, status and every pane's lines."""

from __future__ import annotations

import json
from collections.abc import Iterator

from console.cli.log import card_text
from console.cli.show import as_json, status_lines
from console.events.evidence import Verb
from console.screens.card_details import detail_lines
from console.screens.drilldown import drill_lines
from console.screens.help import help_lines
from console.state.card import card_for
from console.state.values import State
from widgets.advice import advice_lines
from widgets.card import card_lines
from widgets.checklist import checklist_lines
from widgets.exposure import exposure_lines
from widgets.header import header_lines
from widgets.line import Line
from widgets.log import log_lines
from widgets.metrics import metrics_lines
from widgets.participants import participants_lines
from widgets.sources import sources_lines
from widgets.timeline import timeline_lines

SIZES = ((80, 24), (200, 60))
PANES = (
    advice_lines,
    checklist_lines,
    exposure_lines,
    header_lines,
    log_lines,
    metrics_lines,
    sources_lines,
    timeline_lines,
)


def shown_text(state: State) -> str:
    """Everything that can be shown of `state`, as one text."""
    return "\n".join(_texts(state))


def _texts(state: State) -> Iterator[str]:
    yield from status_lines(state)
    yield json.dumps(as_json(state), allow_nan=False)
    for verb in Verb:
        card = card_for(state, verb)
        yield from card_text(card)
        yield from _flat(card_lines(card, *SIZES[0]))
        yield from _flat(detail_lines(state, verb, None, SIZES[0][0]))
    for width, height in SIZES:
        for pane in PANES:
            yield from _flat(pane(state, width, height))
        yield from _flat(participants_lines(state, width))
    yield from _flat(help_lines(state, SIZES[0][0]))
    for name in state.metrics:
        yield from _flat(drill_lines(state, name, SIZES[0][0]))


def _flat(lines: list[Line]) -> Iterator[str]:
    for line in lines:
        yield "".join(piece.text for piece in line)
