"""Manifests as texts, and the plans that are made of them."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path

from console.manifests.choice import draft_plan
from console.manifests.document import read_documents
from console.manifests.draft import Draft
from console.manifests.origin import Manifest, read_manifests
from console.manifests.writer import plan_text
from console.plan.loader import parse
from console.plan.nouns import Plan

MANIFESTS = Path(__file__).parent / "manifests"


def objects(*texts: str) -> list[Manifest]:
    """The objects of some texts, as if each were a file: a.yaml, b.yaml, .."""
    return [
        Manifest(f"{chr(97 + number)}.yaml", tree)
        for number, text in enumerate(texts)
        for tree in read_documents(text, f"{chr(97 + number)}.yaml")
    ]


def drafted_from(
    *texts: str, only: str | None = None, namespace: str | None = None, provider: str | None = None
) -> Draft:
    """The draft of the one thing in some texts that rolls out."""
    return draft_plan(objects(*texts), only, namespace, provider)


def planned(draft: Draft) -> Plan:
    """The draft's plan, which has to check."""
    return parse(plan_text(draft, ["a.yaml"]), "plan.yaml")


def from_files(*names: str) -> Draft:
    """The draft of files in tests/manifests."""
    return draft_plan(read_manifests([str(MANIFESTS / name) for name in names], BytesIO()))


def rollout(strategy: str, name: str = "web", more: str = "") -> str:
    """A Rollout with `strategy` as flow YAML."""
    return f"""\
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {{name: {name}, namespace: shop}}
spec:
  strategy: {strategy}
{more}
"""


def analysed(query: str, condition: str, *, args: str = "[]", more: str = "") -> tuple[str, str]:
    """A canary between checkout-canary and checkout-stable with one Prometheus check in the background."""
    first = rollout(
        "{canary: {canaryService: web-canary, stableService: web-stable, steps: [{setWeight: 10}, {pause: {}}], "
        f"analysis: {{templates: [{{templateName: t}}], args: {args}}}}}}}"
    )
    declared = re.findall(r"{name: (\w+)", args)[:1]
    second = f"""\
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {{name: t}}
spec:
  args: [{", ".join(f"{{name: {name}}}" for name in declared)}]
  metrics:
    - name: check
      {condition}
      {more}
      provider:
        prometheus:
          address: https://prom.example
          query: |
            {query}
"""
    return first, second
