"""The choice of the current stage, where the readings at the opening fit several stages or none."""

from __future__ import annotations

from console.screens.ask import ChoiceScreen
from console.state.values import State


def places(state: State) -> list[tuple[str, str]]:
    """(stage number, text) of every stage, those that fit the readings first.

    0 is before the first.
    """
    reads = ", ".join(f"{name} {entry.reading or 'not read'}" for name, entry in state.targets.items())
    names = {0: "before the first stage"}
    names |= {entry.number: f"{entry.number} {entry.stage.name}" for entry in state.stages}
    fitting = [number for number in state.candidates if number in names]
    rest = [number for number in names if number not in fitting]
    return [(str(number), f"{names[number]}: fits the readings ({reads})") for number in fitting] + [
        (str(number), f"{names[number]}{_sets(state, number)}: does NOT fit the readings") for number in rest
    ]


def _sets(state: State, number: int) -> str:
    stage = state.stages[number - 1].stage if number else None
    if stage is None or not stage.sets:
        return ""
    return " (" + ", ".join(f"{name} {setting}" for name, setting in stage.sets.items()) + ")"


class PlaceScreen(ChoiceScreen):
    """Ask for the stage; a card then confirms the choice."""

    def __init__(self, state: State) -> None:
        super().__init__(state, "Which stage does the rollout stand at?", places(state))
