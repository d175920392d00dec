"""Files that a command reads: plans, recorded samples, kubeconfigs, manifests."""

from __future__ import annotations

import io
import unicodedata
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from random import Random

from adapters.kube.access import NoAccess
from adapters.kube.kubeconfig import access
from console.cli import main
from tests.backtest_rig import HEADER, STAGED
from tests.backtest_rig import PLAN as BACKTESTED
from tests.fuzz.door import Door
from tests.fuzz.mutation import mutated_bytes
from tests.manifests_rig import MANIFESTS
from tests.plan_rig import CHECKOUT

_KUBECONFIG = b"""\
apiVersion: v1
kind: Config
current-context: prod
clusters:
- name: prod
  cluster: {server: "https://127.0.0.1:6443", certificate-authority-data: Zm9v, tls-server-name: kube}
users:
- name: me
  user:
    exec: {apiVersion: client.authentication.k8s.io/v1, command: get-token, args: [a, b], env: [{name: A, value: b}]}
- name: cert
  user: {client-certificate-data: Zm9v, client-key-data: YmFy, as: root, as-groups: [a]}
contexts:
- name: prod
  context: {cluster: prod, user: me, namespace: shop}
- name: other
  context: {cluster: prod, user: cert}
"""
_ROWS = [
    f"2026-03-02T12:{minute:02d}:{second:02d}Z,errors,{arm},{total},{minute % 3}"
    for minute in range(12)
    for second in (0, 10, 20, 30, 40, 50)
    for arm, total in (("canary", 50), ("baseline", 950))
]
_CODES = frozenset(range(10))


def _command_problem(*words: str) -> str | None:
    """The problem of what a command printed and returned, or None."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(list(words))
    printed = out.getvalue() + err.getvalue()
    if code not in _CODES or code == 1:
        return f"exit code {code}: {err.getvalue()[-300:]}"
    if "Traceback" in printed:
        return f"a traceback: {err.getvalue()[-600:]}"
    odd = {char for char in printed if unicodedata.category(char) in ("Cc", "Cf", "Cs") and char != "\n"}
    return f"printed {sorted(map(ascii, odd))}" if odd else None


def _check_plan(chance: Random, folder: Path) -> str | None:
    file = folder / "plan.yaml"
    file.write_bytes(mutated_bytes(chance, CHECKOUT.encode()))
    return _command_problem("check", str(file))


def _check_rows(chance: Random, folder: Path) -> str | None:
    plan, rows = folder / "backtested.yaml", folder / "rows.csv"
    plan.write_text(BACKTESTED, encoding="utf-8")
    if chance.randrange(2):
        text = HEADER + "\n".join(_ROWS)
    else:
        text = STAGED + "\n".join(f"{row},{1 + number // 50}" for number, row in enumerate(_ROWS))
    if chance.randrange(3) == 0:
        header, *lines = text.splitlines()
        names = header.split(",")
        text = "\n".join(
            "{" + ", ".join(f'"{name}": "{value}"' for name, value in zip(names, line.split(","), strict=True)) + "}"
            for line in lines
        )
    rows.write_bytes(mutated_bytes(chance, text.encode()))
    json_too = ["--json"] if chance.randrange(2) else []
    return _command_problem("backtest", str(plan), "--series", str(rows), *json_too)


def _check_kubeconfig(chance: Random, folder: Path) -> str | None:
    file = folder / "config"
    file.write_bytes(mutated_bytes(chance, _KUBECONFIG))
    try:
        access([file], chance.choice((None, "other", "absent")))
    except NoAccess as error:
        text = str(error)
        return f"several lines: {text!r}" if "\n" in text or "\x1b" in text else None
    return None


def _check_manifests(chance: Random, folder: Path) -> str | None:
    names = ["rollout.yaml", "templates.yaml"] if chance.randrange(2) else ["canary.yaml"]
    hit = chance.choice(names)
    files = []
    for name in names:
        data = (MANIFESTS / name).read_bytes()
        files.append(folder / name)
        files[-1].write_bytes(mutated_bytes(chance, data) if name == hit else data)
    return _command_problem("init", "--from", *map(str, files), "-o", "-")


PLANS = Door("plans", _check_plan)
ROWS = Door("backtest rows", _check_rows)
KUBECONFIGS = Door("kubeconfigs", _check_kubeconfig)
MANIFESTS_DOOR = Door("manifests", _check_manifests)
