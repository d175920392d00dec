"""Ask for a target's setting before the rollout, where its opening reading does not show it. Pure.

A target above 0 % at the opening may have been raised by another rollout, so its reading may not be the setting before.
A person gives that with `place`. A backend that names the version to go back to needs no asking.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from adapters.contract import Kind, Setting, TargetReading
from console.state.checklist import with_current_steps
from console.state.derived_stages import stages_at
from console.state.inference import infer
from console.state.judging import enter_stage
from console.state.values import RolloutState
from console.state.versions import old_version

_SAID = re.compile(r"([^=]+)=\s*(on|off|\d{1,3})\s*%?\s*")


def asks_about(state: RolloutState, reading: TargetReading) -> bool:
    """Whether a first reading leaves open what its target was before."""
    staged = any(reading.target in stage.sets for stage in state.plan.stages)
    return state.asks_before and staged and bool(reading.exposure) and old_version(reading) is None


def asked_targets(state: RolloutState) -> list[str]:
    """The targets of which a person has to say what they were before."""
    return [name for name, entry in state.targets.items() if entry.asks_before]


def before_line(state: RolloutState, name: str) -> str:
    """Why a person is asked about a target, and how to answer."""
    how = f"say what it was before (s, or warroom place PLAN --before {name}=N)"
    return f"{name} read {state.targets[name].opening} at the opening: {how}"


def parse_before(state: RolloutState, said: Sequence[str]) -> dict[str, Setting] | str:
    """Target -> setting of every "TARGET=N", or why one of them cannot be meant."""
    found: dict[str, Setting] = {}
    asked = asked_targets(state)
    for text in said:
        match = _SAID.fullmatch(text)
        if match is None:
            return f"--before {text}: write TARGET=N in percent, or TARGET=on, TARGET=off for a flag"
        name, word = match[1].strip(), match[2]
        if name not in state.targets:
            return f"--before {name}: the plan has no such target: {', '.join(state.targets)}"
        if name not in asked:
            return f"--before {name}: it is known: {state.targets[name].opening or 'not read yet'}"
        if name in found:
            return f"--before {name} is given twice"
        is_flag = state.targets[name].target.kind is Kind.FLAGS
        if not is_flag and word in ("on", "off"):
            return f"--before {name}={word}: it is no flag: give a percentage"
        if word not in ("on", "off") and int(word) > 100:
            return f"--before {name}={word}: at most 100"
        found[name] = _setting(word, is_flag)
    return found


def _setting(word: str, is_flag: bool) -> Setting:
    if word in ("on", "off"):
        return Setting(None, on=word == "on")
    percent = int(word)
    if not is_flag:
        return Setting(percent)
    return Setting(percent, on=True) if percent else Setting(None, on=False)


def _is_valid(setting: Setting, kind: Kind) -> bool:
    """Whether a recorded setting can have been a target's: journals are not believed blindly."""
    if setting.percent is None:
        return kind is Kind.FLAGS and setting.on is not None
    return 0 <= setting.percent <= 100 and (kind is Kind.FLAGS or setting.on is None)


def with_before(state: RolloutState, before: Mapping[str, Setting]) -> RolloutState:
    """The state in which a person's word is the opening of each target that was asked about."""
    targets = dict(state.targets)
    for name, setting in before.items():
        entry = targets.get(name)
        percent = setting.percent
        if entry is None or entry.opening is None or not entry.asks_before or not _is_valid(setting, entry.target.kind):
            continue
        opening = entry.opening
        opening = replace(
            opening,
            percent=opening.percent if percent is None else float(percent),
            on=opening.on if setting.on is None else setting.on,
            problem=None,
        )
        targets[name] = replace(entry, opening=opening, asks_before=False)
    return with_current_steps(replace(state, targets=targets))


def placed_by_readings(state: RolloutState, at: datetime) -> RolloutState:
    """The state placed by its first readings, once a target that was late is read and nothing was decided meanwhile."""
    if not state.asks_before or state.reached is not None or state.candidates or state.decisions:
        return state
    openings = {name: entry.opening for name, entry in state.targets.items() if entry.opening is not None}
    reached, candidates = infer(state.plan, openings)
    if reached is None:
        return replace(state, candidates=candidates)
    state = replace(state, reached=reached, candidates=candidates, baked_s=0.0, clocked_at=at)
    return enter_stage(replace(state, stages=stages_at(state.stages, reached)), at)
