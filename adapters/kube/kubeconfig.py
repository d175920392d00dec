"""Merge kubeconfig files by the rules of kubectl, and read one context.

The first file to name a cluster, user, context or current-context wins; relative paths are those of the file they stand
in; files of $KUBECONFIG that do not exist are passed over. Source: client-go's clientcmd, ClientConfigLoadingRules.
Elsewhere: running a login plugin (`plugin`), and the pod's own account (`options`).
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent

from adapters.kube.access import Access, ConfigEntry, NoAccess, Plugin
from adapters.sanitize import one_line
from adapters.transport import Certificate, Tls

_LARGEST = 4 * 1024 * 1024
_DEEPEST = 32


class _Cluster(ConfigEntry):
    server: str = ""
    ca_file: str = Field("", alias="certificate-authority")
    ca_data: str = Field("", alias="certificate-authority-data")
    insecure: bool = Field(False, alias="insecure-skip-tls-verify")
    server_name: str = Field("", alias="tls-server-name")
    proxy: str = Field("", alias="proxy-url")


class _User(ConfigEntry):
    token: str = ""
    token_file: str = Field("", alias="tokenFile")
    certificate_file: str = Field("", alias="client-certificate")
    certificate_data: str = Field("", alias="client-certificate-data")
    key_file: str = Field("", alias="client-key")
    key_data: str = Field("", alias="client-key-data")
    username: str = ""
    password: str = ""
    exec: Plugin | None = None
    provider: dict[str, object] | None = Field(None, alias="auth-provider")
    impersonate: str = Field("", alias="as")
    impersonate_uid: str = Field("", alias="as-uid")
    impersonate_groups: tuple[str, ...] = Field((), alias="as-groups")


class _Context(ConfigEntry):
    cluster: str = ""
    user: str = ""
    namespace: str = ""


class _NamedCluster(ConfigEntry):
    name: str
    cluster: _Cluster = _Cluster()


class _NamedUser(ConfigEntry):
    name: str
    user: _User = _User()


class _NamedContext(ConfigEntry):
    name: str
    context: _Context = _Context()


class _File(ConfigEntry):
    clusters: tuple[_NamedCluster, ...] = ()
    users: tuple[_NamedUser, ...] = ()
    contexts: tuple[_NamedContext, ...] = ()
    current: str = Field("", alias="current-context")


@dataclass
class _MergedConfig:
    clusters: dict[str, tuple[_Cluster, Path]]
    users: dict[str, tuple[_User, Path]]
    contexts: dict[str, _Context]
    current: str


def files(given: Path | None, environment: Mapping[str, str]) -> list[Path]:
    """List the kubeconfig files in force: `given`, those of $KUBECONFIG, or ~/.kube/config. Only existing ones.

    Raises:
        NoAccess: `given` does not exist, or none of the files of $KUBECONFIG does.
    """
    if given is not None:
        path = given.expanduser()
        if not path.is_file():
            raise NoAccess(f"kubeconfig {path} is not a file")
        return [path]
    listed = [Path(part).expanduser() for part in environment.get("KUBECONFIG", "").split(os.pathsep) if part]
    found = [path for path in listed if path.is_file()]
    if listed and not found:
        raise NoAccess(f"no file of $KUBECONFIG exists ({one_line(', '.join(map(str, listed)), 120)})")
    usual = Path.home() / ".kube" / "config"
    return found or ([usual] if usual.is_file() else [])


def access(paths: list[Path], context: str | None) -> Access:
    """Read the access of `context`, or of the files' current context.

    Raises:
        NoAccess: a file cannot be read, a name is missing, or the credentials are of a kind that is not supported.
    """
    merged = _MergedConfig({}, {}, {}, "")
    for path in paths:
        _merge(merged, _read(path), path.absolute().parent)
    where = one_line(", ".join(map(str, paths)), 120)
    name = context or merged.current
    if not name:
        raise NoAccess(f"no context: {where} names no current-context; give context: (there are: {_names(merged)})")
    if name not in merged.contexts:
        raise NoAccess(f"no context {one_line(name, 80)!r} in {where} (there are: {_names(merged)})")
    chosen = merged.contexts[name]
    if chosen.cluster not in merged.clusters:
        raise NoAccess(f"context {one_line(name, 80)}: no cluster {one_line(chosen.cluster, 80)!r} in {where}")
    if chosen.user and chosen.user not in merged.users:
        raise NoAccess(f"context {one_line(name, 80)}: no user {one_line(chosen.user, 80)!r} in {where}")
    user = merged.users.get(chosen.user, (_User(), Path()))
    return _access_of(one_line(name, 80), chosen, merged.clusters[chosen.cluster], user)


def _names(merged: _MergedConfig) -> str:
    return one_line(", ".join(sorted(merged.contexts)), 200) or "none"


def _read(path: Path) -> _File:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise NoAccess(f"kubeconfig {path} cannot be read: {_why(error)}") from None
    if len(data) > _LARGEST:
        raise NoAccess(f"kubeconfig {path} is larger than {_LARGEST // 1024 // 1024} MiB")
    try:
        text = data.decode("utf-8")
        _check_depth(path, text)
        document = YAML(typ="safe", pure=True).load(text)
        return _File.model_validate({} if document is None else document)
    except ValidationError as error:
        place = one_line(".".join(str(part) for part in error.errors(include_input=False)[0]["loc"]), 80)
        raise NoAccess(f"kubeconfig {path}: not a kubeconfig's contents at {place or 'its top'}") from None
    except (YAMLError, ValueError, RecursionError, TypeError):  # the parser's own words may quote a token
        raise NoAccess(f"kubeconfig {path} is not YAML") from None


def _check_depth(path: Path, text: str) -> None:
    """Raise NoAccess for nesting that no kubeconfig has: the time of the YAML library grows with its square."""
    depth = 0
    for event in YAML(typ="safe", pure=True).parse(text):
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > _DEEPEST:
            raise NoAccess(f"kubeconfig {path} is nested deeper than {_DEEPEST} levels")


def _merge(merged: _MergedConfig, file: _File, folder: Path) -> None:
    for cluster in file.clusters:
        merged.clusters.setdefault(cluster.name, (cluster.cluster, folder))
    for user in file.users:
        merged.users.setdefault(user.name, (user.user, folder))
    for context in file.contexts:
        merged.contexts.setdefault(context.name, context.context)
    merged.current = merged.current or file.current


def _access_of(name: str, context: _Context, of: tuple[_Cluster, Path], by: tuple[_User, Path]) -> Access:
    (cluster, folder), (user, home) = of, by
    if not cluster.server:
        raise NoAccess(f"context {name}: cluster {one_line(context.cluster, 80)!r} has no server")
    if user.provider is not None:
        kind = one_line(user.provider.get("name", "?"), 40)
        raise NoAccess(f"context {name}: auth-provider {kind!r} was removed from Kubernetes; use an exec plugin")
    if user.exec is not None and (user.token or user.token_file or user.username):
        raise NoAccess(f"context {name}: its user has an exec plugin and another credential; keep one of them")
    chain = _bytes(name, "client-certificate", user.certificate_data, user.certificate_file, home)
    key = _bytes(name, "client-key", user.key_data, user.key_file, home)
    if (chain is None) != (key is None):
        raise NoAccess(f"context {name}: its user needs client-certificate and client-key, both or neither")
    ca = _bytes(name, "certificate-authority", cluster.ca_data, cluster.ca_file, folder)
    return Access(
        context=name,
        server=cluster.server.rstrip("/"),
        namespace=context.namespace or "default",
        tls=Tls(only=ca, server_name=cluster.server_name or None, insecure=cluster.insecure),
        proxy=cluster.proxy or None,
        certificate=None if chain is None or key is None else Certificate(chain, key),
        token=user.token or None,
        token_file=home / user.token_file if user.token_file else None,
        basic=(user.username, user.password) if user.username else None,
        plugin=None if user.exec is None else _plugin(name, user.exec, home),
        impersonate=_impersonation(user),
    )


def _plugin(name: str, plugin: Plugin, home: Path) -> Plugin:
    if not plugin.command:
        raise NoAccess(f"context {name}: its exec plugin names no command")
    # A command with a slash is a file, relative to its kubeconfig; one without is looked up on the path.
    command = str(home / plugin.command) if "/" in plugin.command else plugin.command
    return plugin.model_copy(update={"command": command, "install_hint": one_line(plugin.install_hint, 200)})


def _impersonation(user: _User) -> tuple[tuple[str, str], ...]:
    """The headers of impersonation (Kubernetes documentation, "User impersonation")."""
    if not user.impersonate:
        return ()
    headers = [("Impersonate-User", user.impersonate)]
    if user.impersonate_uid:
        headers.append(("Impersonate-Uid", user.impersonate_uid))
    return (*headers, *(("Impersonate-Group", group) for group in user.impersonate_groups))


def _bytes(name: str, key: str, data: str, file: str, folder: Path) -> bytes | None:
    """Read a key's bytes. Inline data wins over the path beside it, as in kubectl."""
    if data:
        try:
            return base64.b64decode("".join(data.split()), validate=True)
        except (binascii.Error, ValueError):
            raise NoAccess(f"context {name}: {key}-data is not base64") from None
    if not file:
        return None
    try:
        return (folder / file).read_bytes()
    except OSError as error:
        raise NoAccess(f"context {name}: {key} {folder / file} cannot be read: {_why(error)}") from None


def _why(error: OSError) -> str:
    return (error.strerror or "input/output error").lower()
