"""One way to reach one cluster: address, trust, credentials. Plain values; nothing is read or run here."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from adapters.transport import Certificate, Tls


class NoAccess(Exception):
    """Plan, kubeconfig and pod give no way to reach the cluster. One plain line."""


class ConfigEntry(BaseModel):
    """Base of a kubeconfig's entries. Unknown keys are ignored, a key without a value counts as absent."""

    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _absent(cls, given: object) -> object:
        return {key: value for key, value in given.items() if value is not None} if isinstance(given, dict) else given


class Variable(BaseModel):
    """One environment variable of a login plugin."""

    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True)

    name: str
    value: str = ""


class Plugin(ConfigEntry):
    """A login plugin, as the kubeconfig names it."""

    version: str = Field("", alias="apiVersion")
    """client.authentication.k8s.io/v1 or v1beta1."""
    command: str = ""
    args: tuple[str, ...] = Field((), repr=False)
    environment: tuple[Variable, ...] = Field((), alias="env", repr=False)
    install_hint: str = Field("", alias="installHint")
    provide_cluster_info: bool = Field(False, alias="provideClusterInfo")
    interactive: str = Field("IfAvailable", alias="interactiveMode")
    """Never, IfAvailable or Always."""

    @property
    def name(self) -> str:
        """The command without its folder, for the screen."""
        return Path(self.command).name


@dataclass(frozen=True, slots=True)
class Access:
    """A cluster's address, trust and credentials."""

    context: str
    """The kubeconfig's context, or "in-cluster"."""
    server: str
    namespace: str
    tls: Tls = field(default_factory=Tls)
    proxy: str | None = None
    certificate: Certificate | None = None
    token: str | None = field(default=None, repr=False)
    token_file: Path | None = None
    """Read again from time to time: such tokens are renewed in place."""
    basic: tuple[str, str] | None = field(default=None, repr=False)
    plugin: Plugin | None = None
    impersonate: tuple[tuple[str, str], ...] = ()
    """Headers of impersonation."""
