"""Authority may do what, as the plan says, per verb, and per stage where the stage says so. Going safer is everybody's.

It is this console's own gate, checked against the operator whom the operating system (or the database) names. It keeps
honest people from what is not theirs to do; who can write to the journal by other means is not stopped by it.
"""

from __future__ import annotations

from collections.abc import Set

from console.plan.nouns import STAGE_AUTHORITIES, Authority, Stage
from console.state.values import RolloutState, State


def who_may(state: RolloutState, act: str) -> Authority | None:
    """Authority may do `act` (one of nouns.AUTHORITIES) now; None: everybody."""
    stage = _stage(state, act)
    if stage is not None and act in stage.authority:
        return stage.authority[act]
    return state.plan.authority.get(act)


def _stage(state: RolloutState, act: str) -> Stage | None:
    """The stage that `act` is about: the one it leads to, or the one we stand on."""
    entry = state.next if act in STAGE_AUTHORITIES else (state.current or state.next)
    return entry.stage if entry is not None else None


def is_permitted(state: RolloutState, act: str, user: str, login: str | None, groups: Set[str]) -> bool:
    """Whether `user` may do `act`. A database's login, where there is one, is the name that counts."""
    who = who_may(state, act)
    if who is None:
        return True
    name = login if login is not None else user
    if name in who.users or groups & set(who.groups):
        return True
    return who.owners and name == _owner(state, act)


def _owner(state: RolloutState, act: str) -> str | None:
    stage = _stage(state, act)
    team = state.plan.teams.get(stage.team) if stage is not None and stage.team is not None else None
    return team.owner.removeprefix("@") if team is not None and team.owner is not None else None


def why_unauthorized(state: State, act: str) -> str | None:
    """Why this console's operator may not do `act`, in words; None if they may, or if no operator is known."""
    me, who = state.local.operator, who_may(state, act)
    if me is None or who is None or is_permitted(state, act, me.user, me.login, state.local.groups):
        return None
    owner = _owner(state, act)
    allowed = str(who) if owner is None else str(who).replace("the stage's owner", f"the stage's owner ({owner})")
    return f"{act} is for {allowed}; you are {me.login or me.user}"
