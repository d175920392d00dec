"""Secrets, as a plan names them: by environment variable or by file, never by value."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from adapters.contract import ConnectError
from adapters.known_secrets import remember


class Secret(BaseModel):
    """`{env: NAME}` or `{file: PATH}`. Read when the backend is connected, kept by the transport alone."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    env: str | None = None
    """Name of the environment variable that holds the secret."""
    file: Path | None = None
    """File whose first line is the secret."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise ValueError("give exactly one of env, file")
        return self

    def reveal(self, source: str, key: str) -> str:
        """Read the secret. `source`, `key`: the plan's names of the backend and of the option, for the error.

        Raises:
            ConnectError: the variable is not set, the file cannot be read, or the secret is empty.
        """
        if self.env is not None:
            value = os.environ.get(self.env, "")
            where = f"environment variable {self.env}"
        else:
            where = f"file {self.file}"
            try:
                value = (self.file or Path()).read_text(encoding="utf-8").split("\n", 1)[0]
            except (OSError, UnicodeDecodeError) as error:
                raise ConnectError(f"{source}: {key}: {where} cannot be read: {error}") from error
        value = value.strip()
        if not value:
            raise ConnectError(f"{source}: {key}: {where} is empty or not set")
        remember(value)
        return value
