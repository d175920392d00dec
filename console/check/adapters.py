"""Check a plan's adapters: whether each backend is what the Protocols of its kinds say. No network."""

from __future__ import annotations

from pathlib import Path

from adapters import registry
from adapters.registry import ConnectError, ContractMismatch
from console.engine.backends import connect_backend
from console.engine.clock import SystemClock
from console.plan.nouns import Plan


async def contract_mismatches(plan: Plan, state_dir: Path) -> list[str]:
    """List what is missing or wrong in the plan's adapters, one line per adapter.

    A backend that cannot be connected here (its secret is not set) has its class checked instead.
    """
    clock = SystemClock()
    found: list[str] = []
    for spec in plan.backends.values():
        try:
            backend = connect_backend(spec, plan, clock, state_dir)
        except ContractMismatch as error:
            found.append(str(error))
        except ConnectError:
            try:
                registry.check_class(spec.adapter)
            except ContractMismatch as error:
                found.append(str(error))
        else:
            await backend.aclose()
    return list(dict.fromkeys(found))
