"""Write a draft as the text of a plan with comments, in the order of docs/plan.md."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from adapters.sanitize import one_line
from console.manifests.draft import PASSWORD_IN_URL, Draft, Unmapped, yaml_quote, yaml_text

_WIDTH = 110
_METRICS = (
    "bad, good and total are plain selectors: warroom counts their raw samples itself, from the start of the stage. "
    "limit is the canary's own ceiling (for a gauge with worse: lower its floor). With arms a metric is compared with "
    "the baseline too: fail above tolerance (1.25x), pass once pass_below (2x) is excluded."
)


def plan_text(draft: Draft, sources: Sequence[str]) -> str:
    """The text of the plan; `sources`: the files it was made from, as the user named them."""
    return "\n".join(_lines(draft, sources)) + "\n"


def _lines(draft: Draft, sources: Sequence[str]) -> Iterator[str]:
    yield from _comment(f"Written by `warroom init --from {' '.join(one_line(name, 200) for name in sources)}`.")
    for paragraph in draft.about:
        yield "#"
        yield from _comment(paragraph)
    yield from _not_mapped(draft.unmapped)
    yield "warroom: 1"
    yield f"rollout: {yaml_text(draft.name)}"
    yield f"title: {yaml_quote(draft.title)}"
    yield ""
    yield "backends:"
    for backend in draft.backends:
        yield from _comment(*backend.notes, indent=2)
        yield f"  {backend.name}: {_flow(backend.options)}"
    yield ""
    yield "targets:"
    for target in draft.targets:
        yield from _comment(*target.notes, indent=2)
        yield f"  {target.name}: {_flow(target.options)}"
    if draft.metrics:
        yield ""
        yield from _comment(_METRICS)
        yield "metrics:"
        for metric in draft.metrics:
            yield from _comment(*metric.notes, indent=2)
            yield f"  {metric.name}:"
            yield from (f"    {key}: {value}" for key, value in metric.options)
    elif draft.suggested:
        yield ""
        yield from _comment(draft.suggested[0])
        yield from (f"# {line}" for line in draft.suggested[1:])
    yield ""
    yield from _comment(draft.about_stages)
    yield "stages:"
    for stage in draft.stages:
        yield from _comment(*stage.notes, indent=2)
        aside = f"  # {one_line(stage.aside)}" if stage.aside else ""
        yield f"  - {_flow((('name', yaml_text(stage.name)), *stage.options))}{aside}"


def _not_mapped(unmapped: Sequence[Unmapped]) -> Iterator[str]:
    if not unmapped:
        yield ""
        return
    yield "#"
    yield from _comment(f"NOT IN THIS PLAN: {_parts_text(unmapped)}:")
    for one in sorted(unmapped, key=lambda each: not each.decides):
        yield from _comment(f"- {one.what}: {one.why} ({one.origin})", hang=2)
        for line in one.text:
            yield from _comment(line, indent=0, pad=4)
    yield ""


def _flow(options: Sequence[tuple[str, str]]) -> str:
    return "{" + ", ".join(f"{key}: {value}" for key, value in options) + "}"


def _comment(*texts: str, indent: int = 0, hang: int = 0, pad: int = 0) -> Iterator[str]:
    lead = " " * indent + "# " + " " * pad
    for text in texts:
        yield from textwrap.wrap(
            PASSWORD_IN_URL.sub("://***@", one_line(text, 4000)),
            _WIDTH,
            initial_indent=lead,
            subsequent_indent=lead + " " * hang,
            break_long_words=False,
            break_on_hyphens=False,
        )


def summary(draft: Draft) -> str:
    """The draft in a line: "checkout: 4 stages, 3 metrics; not in it, and named at its top: 2 things"."""
    said = f"{draft.name}: {_count(draft.stages, 'stage')}, {_count(draft.metrics, 'metric')}"
    return f"{said}; not in it, and named at its top: {_parts_text(draft.unmapped)}" if draft.unmapped else said


def _parts_text(unmapped: Sequence[Unmapped]) -> str:
    deciding = sum(one.decides for one in unmapped)
    return _count(unmapped, "part") + (f", {deciding} of which can stop the rollout there" if deciding else "")


def _count(things: Sequence[object], what: str) -> str:
    return f"{len(things)} {what}{'' if len(things) == 1 else 's'}"
