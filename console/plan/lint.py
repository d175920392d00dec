"""Advice about a valid plan: settings that are likely to surprise its operators.

Advice never prevents a rollout.
"""

from __future__ import annotations

import grp
import os
import re
from collections.abc import Iterator
from itertools import groupby

from pydantic import ValidationError

from adapters.contract import Kind, Setting, Shape, TargetRef
from adapters.registry import LOGS_IN, UnknownAdapter, load
from console.plan.backends import VARIABLE, secrets
from console.plan.nouns import Plan, Role
from console.plan.problems import spell

_SWALLOWED = re.compile(r"""^[^'"#]*\b(manual|title|owner|name): +[^\s'"#|>&][^'"#]*\s#\S""")

_APART = 2.0
"""Largest advised `pass_below` in multiples of `tolerance` (1.6 by default). Beyond a doubling, a regression that a
pass should exclude can run through a whole stage without a pass or a fail."""


def warnings(plan: Plan) -> tuple[str, ...]:
    """One line per piece of advice, the gravest first; reads the environment, calls no backend."""
    about = (_gates, _secrets, _rollback, _stages, _metrics, _people, _unused_entries)
    return tuple(line for look in about for line in look(plan))


def _gates(plan: Plan) -> Iterator[str]:
    if not plan.critical:
        yield "NO METRICS: no metric is critical, so promote has no verdict gate"


def _secrets(plan: Plan) -> Iterator[str]:
    for spec in plan.backends.values():
        if spec.adapter in LOGS_IN and "context" not in spec.options and not os.environ.get("KUBERNETES_SERVICE_HOST"):
            yield f"backends.{spec.name}: no context: each operator's current context selects the cluster"
        try:
            options = load(spec.adapter).options.model_validate(dict(spec.options))
        except (UnknownAdapter, ImportError, ValidationError):  # reported when the backend is connected
            continue
        for place, secret in secrets(options):
            where = spell(("backends", spec.name, *place))
            if secret.env is not None and VARIABLE.fullmatch(secret.env) and not os.environ.get(secret.env, "").strip():
                yield f"{where}: environment variable {secret.env} is not set"
            elif secret.file is not None and not os.access(secret.file, os.R_OK):
                yield f"{where}: file {secret.file} cannot be read"


def _rollback(plan: Plan) -> Iterator[str]:
    touched = dict.fromkeys(target for stage in plan.stages for target in stage.sets)
    if plan.rollback is not None:
        undone = {target for step in plan.rollback for target in step.sets}
        yield from (f"rollback: no step sets {name}, which the stages raise" for name in touched if name not in undone)
        for step in plan.rollback:
            for target, setting in step.sets.items():
                if _percent(setting):
                    yield f"rollback {step.id}: leaves {target} at {setting}"
    for number, stage in enumerate(plan.stages):
        after = len(plan.stages) - number - 1
        if stage.one_way and after > 1:
            yield f"stage {stage.name}: one way, with {after} stages still to come; after it there is no rollback"


def _stages(plan: Plan) -> Iterator[str]:
    highest: dict[str, int] = {}
    for stage in plan.stages:
        for target, setting in stage.sets.items():
            if _percent(setting) < highest.get(target, 0):
                yield f"stage {stage.name}: lowers {target} to {setting}, from {highest[target]} %"
            highest[target] = max(_percent(setting), highest.get(target, 0))
    for stage in plan.stages[:-1]:
        if stage.sets and not stage.bake_s and plan.critical:
            yield f"stage {stage.name}: no bake, so it can be left at once"
    counted = any(metric.query.shape is not Shape.GAUGE for metric in plan.critical)
    for stage in plan.stages:
        if stage.min_requests and not counted:
            yield f"stage {stage.name}: min_requests needs a critical metric that counts requests"


def _metrics(plan: Plan) -> Iterator[str]:
    for metric in plan.metrics.values():
        about = f"metric {metric.name}:"
        low, high = f"tolerance {metric.tolerance:g}x", f"pass_below {metric.pass_below:g}x"
        if metric.role is not Role.INFO and metric.pass_below < metric.tolerance:
            yield f"{about} {high} is below {low}: a pass asks more of the canary than a fail forbids"
        if metric.role is not Role.INFO and metric.pass_below > _APART * metric.tolerance:
            wide = "neither failed nor passed, and that is more than a doubling wide: bring them closer"
            yield f"{about} between {low} and {high} a canary is {wide}"
        if metric.stale_after_s is not None and metric.stale_after_s <= plan.timing.poll_s:
            polled = f"polled every {plan.timing.poll_s:g} s: it will be stale between polls"
            yield f"{about} stale after {metric.stale_after_s:g} s, but {polled}"


def _people(plan: Plan) -> Iterator[str]:
    listed = [("authority", act, who) for act, who in plan.authority.items()]
    listed += [(f"stage {stage.name}", act, who) for stage in plan.stages for act, who in stage.authority.items()]
    for where, act, who in listed:
        for group in who.groups:
            if not _group_exists(group):
                yield f"{where}: {act} is for group {group}, which this host does not have"
    for stage in plan.stages:
        may = stage.authority.get("promote") or plan.authority.get("promote")
        team = plan.teams.get(stage.team or "")
        if may is not None and may.owners and (team is None or team.owner is None):
            yield f"stage {stage.name}: promote is for its team's owner, but it has none"
    if "zone:" not in plan.text and (plan.launch or plan.freeze):
        yield "windows: without a zone their times are UTC"


def _group_exists(name: str) -> bool:
    try:
        grp.getgrnam(name)
    except (KeyError, ValueError):
        return False
    return True


def _unused_entries(plan: Plan) -> Iterator[str]:
    set_somewhere = {target for stage in plan.stages for target in stage.sets}
    if plan.stages_from is not None:
        set_somewhere.add(plan.stages_from.target)
    for name, target in plan.targets.items():
        if name not in set_somewhere:
            yield f"target {name}: no stage sets it"
        if target.kind is Kind.DEPLOY and target.ref.rule is not None:
            yield f"target {name}: rule is for flags, and this is a deploy"
    used = {target.backend for target in plan.targets.values()} | {metric.backend for metric in plan.metrics.values()}
    yield from (f"backend {name}: nothing uses it" for name in plan.backends if name not in used)
    driven = sorted(plan.targets.values(), key=lambda target: (target.backend, *map(str, _driven_object(target.ref))))
    for _, same in groupby(driven, key=lambda target: (target.backend, _driven_object(target.ref))):
        several = [target.name for target in same]
        if len(several) > 1:
            yield f"targets {' and '.join(several)}: both drive the same object and will undo each other"
    for number, line in enumerate(plan.text.splitlines(), 1):
        if match := _SWALLOWED.match(line):
            yield f"line {number}: the text of {match[1]} ends at ' #', where a comment begins; put it into quotes"


def _percent(setting: Setting) -> int:
    return 0 if setting.on is False else setting.percent or 0


def _driven_object(ref: TargetRef) -> tuple[str, str | None, str | None]:
    return ref.name, ref.canary, ref.rule
