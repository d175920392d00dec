"""Which versions a metric's arms are, where they are those of a target, wherever the rollout stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from adapters.contract import (
    ArmLabels,
    Kind,
    MetricQuery,
    Shape,
    StepsReading,
    TargetReading,
    TargetRef,
    VersionsReading,
)
from console.plan.nouns import Target
from console.state.values import TargetState
from console.state.versions import arm_versions, with_versions
from tests.reading_rig import varied

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
REST = TargetReading(
    "web", AT, 0.0, versions=VersionsReading("v1", "v1"), steps=StepsReading(step=3, count=3, at_rest=True)
)
UNDER_WAY = varied(REST, percent=20.0, canary="v2", step=1, at_rest=False)
DONE = varied(UNDER_WAY, percent=100.0, baseline="v2", step=3, at_rest=True)
UNDONE = varied(UNDER_WAY, canary="v1", baseline="v2")
QUERY = MetricQuery("errors", Shape.COUNTS, ArmLabels("hash", "", "", of="web"), total="t", bad="b")


def state(reading: TargetReading | None, opening: TargetReading | None = REST) -> dict[str, TargetState]:
    target = Target(TargetRef("web", "web"), "cluster", Kind.DEPLOY)
    return {"web": TargetState(target, opening=opening, reading=reading)}


@pytest.mark.parametrize(
    ("reading", "arms"),
    [(REST, ("", "v1")), (UNDER_WAY, ("v2", "v1")), (DONE, ("v2", "v1")), (UNDONE, ("v2", "v1"))],
    ids=["before", "under way", "done", "on its way back"],
)
def test_the_version_that_the_rollout_brings_stays_the_canary(reading: TargetReading, arms: tuple[str, str]) -> None:
    assert arm_versions(reading, REST) == arms


def test_a_console_opened_under_way_tells_them_apart_by_what_is_stable() -> None:
    assert arm_versions(UNDER_WAY, UNDER_WAY) == ("v2", "v1")


def test_a_backend_without_steps_that_names_its_versions_is_believed() -> None:
    reading = replace(UNDER_WAY, steps=None)
    assert arm_versions(reading, reading) == ("v2", "v1")


def test_a_query_gets_the_versions_put_in() -> None:
    found = with_versions(QUERY, state(UNDER_WAY))
    assert found is not None
    assert found.arms == ArmLabels("hash", "v2", "v1", of="web")


def test_a_query_with_values_of_its_own_is_left_alone() -> None:
    query = replace(QUERY, arms=ArmLabels("version", "a", "b"))
    assert with_versions(query, {}) is query


@pytest.mark.parametrize("reading", [None, varied(UNDER_WAY, canary=None, baseline=None, steps=None)])
def test_without_versions_there_is_no_query(reading: TargetReading | None) -> None:
    assert with_versions(QUERY, state(reading, reading)) is None
