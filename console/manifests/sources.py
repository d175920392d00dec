"""Add checks to a draft as metrics, and their Prometheus servers as backends."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import ValidationError

from adapters.metrics.prometheus import Options
from adapters.sanitize import one_line
from console.manifests.arms import Pairs
from console.manifests.draft import NOWHERE, PASSWORD_IN_URL, Check, Draft, Entry, Unmapped, unique_name, yaml_quote
from console.manifests.metric import NotMapped, draft_metrics, measured_metrics

_INSIDE = re.compile(
    r"https?://(?:[a-z0-9-]+(?::[0-9]+)?|[a-z0-9.-]+\.svc(?:\.[a-z0-9.-]+)?(?::[0-9]+)?|[a-z0-9-]+\.[a-z0-9-]+:[0-9]+)(?:/.*)?"
)
"""An address that only the cluster knows: a bare name, one in svc.cluster.local, or SERVICE.NAMESPACE with a port."""


def add_metrics(draft: Draft, checks: Sequence[Check], pairs: Pairs) -> None:
    """Add every check to `draft`, as metrics with their backends or as unmapped."""
    backends: dict[tuple[str | None, str | None], Entry] = {}
    for check in checks:
        taken = [metric.name for metric in draft.metrics]
        source = (check.address, check.org)
        backend = backends.get(source) or _backend(check, [one.name for one in (*draft.backends, *backends.values())])
        try:
            if check.measured is not None:
                draft.metrics += measured_metrics(check, check.measured, draft.targets[0].name, taken)
                continue
            made = draft_metrics(check, pairs, backend.name, taken)
        except NotMapped as error:
            text = tuple(line.strip() for line in (check.query or "").splitlines() if line.strip())
            draft.unmapped.append(Unmapped(f"metric {check.name}", str(error), check.origin, check.decides, text))
            continue
        backends[source] = backend
        draft.metrics += made
    draft.backends += backends.values()


def _usable(url: str, org: str | None) -> bool:
    """True where the adapter accepts an address, alone or with a tenant."""
    try:
        Options.model_validate({"url": one_line(url, 2000)} | ({} if org is None else {"org": one_line(org)}))
    except ValidationError:
        return False
    return "@" not in url and not PASSWORD_IN_URL.search(org or "")


def _backend(check: Check, taken: Sequence[str]) -> Entry:
    name, notes, url = unique_name("prom", taken), [], check.address
    if url is None:
        notes.append("the manifests name no address of this Prometheus: put it here")
    elif not _usable(url, check.org):
        notes.append(f"{one_line(url, 80)} is not a usable address: put the right one here")
        url = None
    elif _INSIDE.fullmatch(url):
        notes.append("an address within the cluster: from elsewhere use its ingress or a port-forward")
    options = [("adapter", "prometheus"), ("url", yaml_quote(url or NOWHERE))]
    if check.org is not None and _usable(NOWHERE, check.org):
        options.append(("org", yaml_quote(check.org)))
    elif check.org is not None:
        notes.append(f"its tenant {one_line(check.org, 60)!r} cannot be sent")
    return Entry(name, tuple(options), tuple(notes))
