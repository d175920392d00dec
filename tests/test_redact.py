"""A secret that a backend echoes in an answer that succeeds is kept out of the record as well."""

from __future__ import annotations

import importlib
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from adapters import registry
from adapters.contract import BackendError, MetricReply, Missing, TargetReading
from adapters.testing import SECRET
from console.engine.redact import redact_reading, redact_replies, redacting
from tests.unleash_fake import F1, FakeUnleash, adapter, strategy

NOW = datetime(2026, 1, 1, tzinfo=UTC)


async def test_an_author_a_detail_and_a_problem_that_echo_the_token_read_as_stars(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake = FakeUnleash()
    fake.author = f"service {SECRET}"
    fake.strategies = [strategy(id=SECRET)]
    backend = adapter(fake, monkeypatch)
    raw = await backend.read_target(F1)
    reading = redact_reading(backend, raw)
    assert SECRET[:12] in repr(raw)
    assert SECRET[:12] not in repr(reading) and "***" in reading.detail
    assert (reading.percent, reading.versions.revision, reading.on) == (raw.percent, raw.versions.revision, raw.on)


async def test_a_reading_without_a_secret_is_handed_on_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = adapter(FakeUnleash(), monkeypatch)
    reading = await backend.read_target(F1)
    assert redact_reading(backend, reading) is reading


def test_notes_and_reasons_that_echo_the_token_read_as_stars_each_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = adapter(FakeUnleash(), monkeypatch)
    raw = TargetReading(
        "f1", NOW, 5.0, notes=("first", f"second {SECRET}"), cannot={"skip": f"no {SECRET}", "undo": "none"}
    )
    reading = redact_reading(backend, raw)
    assert reading == replace(raw, notes=("first", "second ***"), cannot={"skip": "no ***", "undo": "none"})


def test_an_error_made_of_an_answer_that_succeeded_says_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = adapter(FakeUnleash(), monkeypatch)
    with pytest.raises(BackendError) as caught, redacting(backend):
        raise Missing("flags", "read", f"no environment p (there are: {SECRET})")
    assert str(caught.value) == "flags: no environment p (there are: ***)"


def test_what_is_wrong_with_a_metric_says_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = adapter(FakeUnleash(), monkeypatch)
    replies = (MetricReply("a"), MetricReply("b", partial=SECRET), MetricReply("c", problem=f"x {SECRET}"))
    assert redact_replies(backend, replies) == (
        MetricReply("a"),
        MetricReply("b", partial="***"),
        MetricReply("c", problem="x ***"),
    )


def test_every_adapter_that_says_how_it_talks_also_hides_its_secrets() -> None:
    """Whoever has a transport has a token."""
    named = [name for name in registry.BUILT_IN if name not in ("embedded", "haproxy")]
    for name in named:
        module = importlib.import_module(registry.BUILT_IN[name])
        classes = [entry for entry in vars(module).values() if isinstance(entry, type) and hasattr(entry, "cautions")]
        assert classes and all(hasattr(entry, "hide") for entry in classes), name
