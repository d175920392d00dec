"""kubeconfig files: merged as kubectl does, every fault one plain line, no secret in any of them."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from adapters.kube import kubeconfig
from adapters.kube.access import NoAccess
from adapters.kube.options import pod_access

SECRET = "eyJ.s3cret.token"


def entry(name: str, **more: Any) -> dict[str, Any]:
    """A whole kubeconfig with one of everything, called `name`."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": f"https://{name}.test:6443/", **more.pop("cluster", {})}}],
        "users": [{"name": name, "user": more.pop("user", {"token": SECRET})}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, **more.pop("context", {})}}],
        "current-context": name,
        **more,
    }


def write(path: Path, content: dict[str, Any]) -> Path:
    with path.open("w", encoding="utf-8") as file:
        YAML(typ="safe", pure=True).dump(content, file)
    return path


def test_the_current_context_gives_server_token_and_namespace(tmp_path: Path) -> None:
    path = write(tmp_path / "config", entry("prod", context={"namespace": "shop"}))
    access = kubeconfig.access([path], None)
    assert (access.server, access.token, access.namespace) == ("https://prod.test:6443", SECRET, "shop")
    assert SECRET not in repr(access)


def test_another_context_can_be_asked_for(tmp_path: Path) -> None:
    paths = [write(tmp_path / name, entry(name)) for name in ("one", "two")]
    assert kubeconfig.access(paths, "two").server == "https://two.test:6443"


def test_the_first_file_to_name_something_wins(tmp_path: Path) -> None:
    first = write(tmp_path / "a", {**entry("prod"), "current-context": ""})
    second = write(tmp_path / "b", entry("prod", cluster={"server": "https://impostor.test"}, user={"token": "other"}))
    access = kubeconfig.access([first, second], None)
    assert (access.context, access.server, access.token) == ("prod", "https://prod.test:6443", SECRET)


def test_context_user_and_cluster_may_stand_in_different_files(tmp_path: Path) -> None:
    whole = entry("prod")
    parts = [{key: whole[key]} for key in ("contexts", "users", "clusters", "current-context")]
    paths = [write(tmp_path / str(number), part) for number, part in enumerate(parts)]
    assert kubeconfig.access(paths, None).token == SECRET


def test_a_path_is_relative_to_the_file_it_stands_in(tmp_path: Path) -> None:
    (tmp_path / "certs").mkdir()
    (tmp_path / "certs" / "ca.pem").write_bytes(b"CA")
    path = write(tmp_path / "certs" / "config", entry("prod", cluster={"certificate-authority": "ca.pem"}))
    assert kubeconfig.access([path], None).tls.only == b"CA"


def test_data_in_the_file_wins_over_a_path_beside_it(tmp_path: Path) -> None:
    data = base64.b64encode(b"inline").decode()
    cluster = {"certificate-authority": "nowhere.pem", "certificate-authority-data": data}
    assert kubeconfig.access([write(tmp_path / "c", entry("prod", cluster=cluster))], None).tls.only == b"inline"


def test_a_client_certificate_is_taken_with_its_key(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(b"KEY")
    user = {"client-certificate-data": base64.b64encode(b"CERT").decode(), "client-key": "key.pem"}
    access = kubeconfig.access([write(tmp_path / "c", entry("prod", user=user))], None)
    assert access.certificate is not None
    assert (access.certificate.chain, access.certificate.key) == (b"CERT", b"KEY")
    assert "KEY" not in repr(access)


def test_proxy_server_name_and_insecure_are_taken(tmp_path: Path) -> None:
    cluster = {"proxy-url": "http://proxy.test:3128", "tls-server-name": "kube.test", "insecure-skip-tls-verify": True}
    access = kubeconfig.access([write(tmp_path / "c", entry("prod", cluster=cluster))], None)
    assert (access.proxy, access.tls.server_name, access.tls.insecure) == ("http://proxy.test:3128", "kube.test", True)


def test_a_key_without_a_value_is_as_one_that_is_not_there(tmp_path: Path) -> None:
    cluster = {"certificate-authority": None, "insecure-skip-tls-verify": None, "proxy-url": None}
    access = kubeconfig.access([write(tmp_path / "c", entry("prod", cluster=cluster))], None)
    assert (access.tls.only, access.tls.insecure, access.proxy) == (None, False, None)


def test_impersonation_becomes_headers(tmp_path: Path) -> None:
    user = {"token": SECRET, "as": "ops", "as-groups": ["a", "b"]}
    access = kubeconfig.access([write(tmp_path / "c", entry("prod", user=user))], None)
    assert access.impersonate == (("Impersonate-User", "ops"), ("Impersonate-Group", "a"), ("Impersonate-Group", "b"))


def test_an_exec_plugin_is_taken_as_it_stands(tmp_path: Path) -> None:
    said = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "./bin/login",
        "args": ["--for", 1],
        "env": [{"name": "A", "value": "b"}],
        "interactiveMode": "Never",
    }
    plugin = kubeconfig.access([write(tmp_path / "c", entry("prod", user={"exec": said}))], None).plugin
    assert plugin is not None
    assert (plugin.command, plugin.args, plugin.interactive) == (str(tmp_path / "bin/login"), ("--for", "1"), "Never")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"current-context": ""}, r"names no current-context; give context: \(there are: prod\)"),
        ({"current-context": "old"}, r"no context 'old' in .* \(there are: prod\)"),
        ({"clusters": None}, "context prod: no cluster 'prod'"),
        ({"users": []}, "context prod: no user 'prod'"),
        ({"clusters": "x"}, "not a kubeconfig's contents at clusters"),
    ],
)
def test_what_is_not_there_is_named(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    path = write(tmp_path / "c", {**entry("prod"), **change})
    with pytest.raises(NoAccess, match=told):
        kubeconfig.access([path], None)


@pytest.mark.parametrize(
    ("user", "told"),
    [
        ({"auth-provider": {"name": "gcp"}}, "auth-provider 'gcp' was removed from Kubernetes; use an exec plugin"),
        ({"client-certificate-data": "Q0VSVA=="}, "needs client-certificate and client-key, both or neither"),
        ({"client-key-data": "%%", "client-certificate-data": "%%"}, "client-certificate-data is not base64"),
        ({"token": "x", "exec": {"command": "y"}}, "an exec plugin and another credential; keep one of them"),
        ({"exec": {"apiVersion": "x"}}, "its exec plugin names no command"),
        (
            {"client-certificate": "no.pem", "client-key": "no.key"},
            "client-certificate .*no.pem cannot be read: no such",
        ),
    ],
)
def test_credentials_that_cannot_be_used_are_one_line(tmp_path: Path, user: dict[str, Any], told: str) -> None:
    with pytest.raises(NoAccess, match=told) as caught:
        kubeconfig.access([write(tmp_path / "c", entry("prod", user=user))], None)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", [f"token: {SECRET}\n: [", "\x00", "a: &a [*a]", f"users: {{{SECRET}"])
def test_a_file_that_is_no_kubeconfig_is_one_line_without_its_content(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(NoAccess) as caught:
        kubeconfig.access([path], None)
    assert SECRET not in str(caught.value)
    assert str(path) in str(caught.value)


def test_files_of_the_variable_that_are_not_there_are_passed_over(tmp_path: Path) -> None:
    path = write(tmp_path / "c", entry("prod"))
    assert kubeconfig.files(None, {"KUBECONFIG": f"{tmp_path}/no:{path}"}) == [path]


def test_a_variable_that_names_no_existing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(NoAccess, match=r"no file of \$KUBECONFIG exists"):
        kubeconfig.files(None, {"KUBECONFIG": f"{tmp_path}/no"})


def test_a_pod_finds_its_own_account(tmp_path: Path) -> None:
    for name, text in (("token", SECRET), ("ca.crt", "CA"), ("namespace", "shop\n")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    where = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}
    access = pod_access(where, tmp_path)
    assert access is not None
    assert (access.server, access.namespace, access.tls.only) == ("https://[fd00::1]:443", "shop", b"CA")
    assert access.token_file == tmp_path / "token"


def test_outside_a_pod_there_is_none(tmp_path: Path) -> None:
    assert pod_access({}, tmp_path) is None
