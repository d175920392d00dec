"""What `connect` returns is checked against the Protocols of its adapter's kinds, before anything depends on it."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from adapters import registry
from adapters.conformance import backend_problems, class_problems, connect_problems
from adapters.contract import (
    AdapterSpec,
    Backend,
    Capabilities,
    ConnectError,
    Context,
    Kind,
    Order,
    Permit,
    Setting,
    TargetReading,
    TargetRef,
)
from adapters.registry import ContractMismatch
from console.cli import main
from tests.cli_rig import shell
from tests.engine_rig import ONE
from tests.scripted_adapter import ScriptedBackend, World

STEPPED = ("argo-rollouts", "deployment", "flagger")
API = TargetRef("api", "web", kind=Kind.DEPLOY)


class Options(BaseModel):
    model_config = ConfigDict(extra="forbid")

    secret: str = "here"


class Weights:
    """The least that a deploy backend needs."""

    powers = Capabilities()

    def __init__(self, source: str = "edge") -> None:
        self.source = source

    def capabilities(self, target: TargetRef) -> Capabilities:
        return self.powers

    async def read_target(self, target: TargetRef) -> TargetReading:
        raise NotImplementedError

    def calls(self, target: TargetRef, setting: Setting) -> tuple[str, ...]:
        return ()

    async def set_weight(self, target: TargetRef, percent: int, permit: Permit) -> None: ...

    async def aclose(self) -> None: ...


class Misspelled:
    """`set_weight` misspelled, and a read that is no coroutine."""

    def __init__(self, source: str = "edge") -> None:
        self.source = source

    def capabilities(self, target: TargetRef) -> Capabilities:
        return Capabilities()

    def read_target(self, target: TargetRef) -> TargetReading:
        raise NotImplementedError

    def calls(self, target: TargetRef, setting: Setting) -> tuple[str, ...]:
        return ()

    async def set_wieght(self, target: TargetRef, percent: int, permit: Permit) -> None: ...

    async def aclose(self) -> None: ...


class Declared(Misspelled):
    """One that is given its `set_weight` when it is made."""

    set_weight: Callable[[TargetRef, int, Permit], object]


MISSPELLED = "read_target is not a coroutine function; set_weight is missing (did you mean set_wieght?)"


def spec_of(
    made: Callable[..., Any] = Weights, kinds: tuple[Kind, ...] = (Kind.DEPLOY,), **more: Any
) -> AdapterSpec[Any]:
    def connect(options: Options, context: Context) -> Backend:
        return made(context.source)  # type: ignore[no-any-return]

    return AdapterSpec(kinds=kinds, options=Options, connect=connect, **more)


def problems(backend: object, *targets: TargetRef, **more: Any) -> list[str]:
    return backend_problems(backend, spec_of(**more), targets)


def test_the_least_that_a_deploy_backend_needs_is_enough() -> None:
    assert problems(Weights(), API) == []


def test_one_object_may_be_all_kinds() -> None:
    backend = ScriptedBackend("edge", World())
    assert problems(backend, API, kinds=(Kind.DEPLOY, Kind.FLAGS, Kind.METRICS)) == []


def test_everything_that_is_missing_or_wrong_is_named() -> None:
    assert "; ".join(problems(Misspelled())) == MISSPELLED


def test_nothing_at_all_is_every_name() -> None:
    assert problems(object(), kinds=(Kind.METRICS,)) == [
        "source is missing",
        "aclose is missing",
        "read_metrics is missing",
    ]


class TooFew(Weights):
    async def set_weight(self, target: TargetRef, percent: int) -> None: ...  # type: ignore[override]


class NeedsMore(Weights):
    async def set_weight(self, target: TargetRef, percent: int, permit: Permit, *, region: str) -> None: ...  # type: ignore[override]


class TakesAnything(Weights):
    async def set_weight(self, *args: Any, **more: Any) -> None: ...


class Named(Weights):
    async def set_weight(self, where: TargetRef, share: int, leave: Permit, dry: bool = False) -> None: ...


class NoMethod(Weights):
    calls = None  # type: ignore[assignment]


class WrongColour(Weights):
    async def capabilities(self, target: TargetRef) -> Capabilities:  # type: ignore[override]
        return Capabilities()


class NumberedSource(Weights):
    def __init__(self, source: str = "edge") -> None:
        self.source = 7  # type: ignore[assignment]


class OneCaution(Weights):
    cautions = "TLS IS NOT VERIFIED"


class HalfPausable(Weights):
    async def pause(self, target: TargetRef, permit: Permit) -> None: ...


@pytest.mark.parametrize(
    ("backend", "said"),
    [
        (TooFew(), ["set_weight takes (target, percent), not (target, percent, permit)"]),
        (NeedsMore(), ["set_weight takes (target, percent, permit, region), not (target, percent, permit)"]),
        (TakesAnything(), []),
        (Named(), []),
        (NoMethod(), ["calls is not callable"]),
        (WrongColour(), ["capabilities is a coroutine function"]),
        (NumberedSource(), ["source is not a str"]),
        (OneCaution(), ["cautions is not a tuple of lines"]),
        (HalfPausable(), ["resume is missing"]),
    ],
    ids=lambda one: type(one).__name__ if not isinstance(one, list) else "",
)
def test_a_method_has_the_arguments_that_the_engine_passes(backend: Weights, said: list[str]) -> None:
    assert problems(backend) == said


def test_methods_that_only_the_instance_has_count() -> None:
    backend: Any = Weights()
    whole = backend.set_weight
    backend.set_weight = functools.partial(whole)
    assert problems(backend) == []
    backend.set_weight = functools.partial(whole, API)
    assert problems(backend) == ["set_weight takes (percent, permit), not (target, percent, permit)"]


@pytest.mark.parametrize(
    ("powers", "said"),
    [
        (Capabilities(advances=True), []),
        (Capabilities(can_pause=True), ["capabilities(api) has can_pause, but pause and resume are missing"]),
        (Capabilities(owns_steps=True), ["capabilities(api) has owns_steps, but withdraw and step_calls are missing"]),
        (
            Capabilities(orders=(Order("skip", "skips"),)),
            ["capabilities(api) has orders, but order and order_calls are missing"],
        ),
        (None, ["capabilities(api) returned NoneType, not Capabilities"]),
    ],
)
def test_capabilities_are_held_to_the_methods(powers: Any, said: list[str]) -> None:
    backend = Weights()
    backend.powers = powers
    assert problems(backend, API) == said


def test_a_backend_that_owns_its_steps_needs_no_weight() -> None:
    class Steps:
        source = "edge"

        def capabilities(self, target: TargetRef) -> Capabilities:
            return Capabilities(owns_steps=True)

        async def read_target(self, target: TargetRef) -> TargetReading:
            raise NotImplementedError

        async def withdraw(self, target: TargetRef, version: str | None, permit: Permit) -> None: ...

        def step_calls(self, target: TargetRef, setting: Setting, seen: str | None) -> tuple[str, ...]:
            return ()

        async def advnce(self, target: TargetRef, setting: Setting, seen: str, permit: Permit) -> None: ...

        async def aclose(self) -> None: ...

    assert problems(Steps(), API, owns_steps=True) == ["advance is missing (did you mean advnce?)"]
    assert problems(Weights(), owns_steps=True) == ["withdraw is missing", "step_calls is missing"]


def test_a_class_may_declare_what_only_its_instances_have() -> None:
    def connect(options: Options, context: Context) -> Declared:
        return Declared()

    spec: AdapterSpec[Any] = spec_of()
    assert class_problems(replace(spec, connect=connect)) == ["read_target is not a coroutine function"]


def test_the_class_tells_as_much_without_connecting() -> None:
    def connect(options: Options, context: Context) -> Misspelled:
        raise ConnectError("edge: the secret is not set")

    spec = AdapterSpec(kinds=(Kind.DEPLOY,), options=Options, connect=connect)
    assert "; ".join(class_problems(spec)) == MISSPELLED
    assert class_problems(spec_of(Misspelled)) == []  # annotated as a Protocol: nothing is known of the class


@pytest.mark.parametrize("name", sorted(registry.BUILT_IN))
def test_the_class_of_every_built_in_adapter_is_what_its_kinds_say(name: str) -> None:
    adapter = registry.load(name)
    assert class_problems(adapter) == []
    assert class_problems(replace(adapter, kinds=(Kind.DEPLOY,), owns_steps=name not in STEPPED)) != []


@pytest.mark.parametrize(
    ("connect", "said"),
    [
        (lambda options, context: None, []),
        (lambda options: None, ["connect takes (options), not (options, context)"]),
        ("connect", ["connect is not callable"]),
    ],
)
def test_connect_takes_options_and_context(connect: object, said: list[str]) -> None:
    assert connect_problems(connect) == said


@pytest.fixture
def acme(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """An adapter module of somebody else, with the three names."""
    module = ModuleType("acme_adapter")
    monkeypatch.setitem(sys.modules, "acme_adapter", module)
    monkeypatch.setitem(registry.BUILT_IN, "acme", "acme_adapter")

    def connect(options: Options, context: Context) -> Misspelled:
        if options.secret == "nowhere":
            raise ConnectError(f"{context.source}: secret: environment variable ACME is empty or not set")
        return Misspelled(context.source)

    vars(module).update(KINDS=(Kind.DEPLOY,), Options=Options, connect=connect)
    return module


PLAN = ONE.replace("{adapter: scripted}", "{adapter: acme}")
LINE = f"warroom: adapter acme: {MISSPELLED}"


@pytest.mark.parametrize("options", ["", ", secret: nowhere"], ids=["connected", "without its secret"])
def test_a_check_reports_the_misspelled_method(
    options: str, acme: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sh = shell(tmp_path, capsys, PLAN.replace("adapter: acme", f"adapter: acme{options}"))
    assert main(["check", str(sh.plan)]) == 2
    assert capsys.readouterr().err.splitlines() == [LINE]


def test_a_promote_ends_before_anything_is_decided(
    acme: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sh = shell(tmp_path, capsys, PLAN)
    assert sh.run("promote") == 2
    assert LINE in sh.err


def test_an_adapter_that_breaks_while_it_connects_is_one_line(acme: ModuleType) -> None:
    def connect(options: Options, context: Context) -> Backend:
        raise KeyError("ACME\nTOKEN")

    vars(acme)["connect"] = connect
    with pytest.raises(ConnectError) as caught:
        registry.connect("acme", {}, lent())
    assert str(caught.value) == "edge: adapter acme failed to connect: KeyError: 'ACME\\nTOKEN'"
    assert not isinstance(caught.value, ContractMismatch)


def test_a_module_may_describe_itself_by_a_spec(acme: ModuleType) -> None:
    vars(acme)["ADAPTER"] = spec_of(Weights, owns_steps=False)
    assert registry.connect("acme", {}, lent(), [API]).source == "edge"


def lent() -> Context:
    return Context("edge", "one", None, 1.0, 1.0, Path())  # type: ignore[arg-type]
