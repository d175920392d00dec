"""Turn a manifest's check into metrics: shape, arms, limit.

A share of events becomes counts, whose raw samples warroom counts itself. A quantile of a histogram becomes the
histogram. Any other query becomes a gauge, as it is written. The bound of the check becomes the metric's limit.
"""

from __future__ import annotations

from collections.abc import Sequence

from console.manifests.arms import Arms, NotSplit, Pairs, arms_of, split_by_arm, widen_to_both
from console.manifests.bound import Bound
from console.manifests.draft import PASSWORD_IN_URL, Check, Entry, Measured, unique_name, yaml_quote, yaml_text
from console.manifests.draft_start import BACKEND
from console.manifests.promql.reader import UnreadableQuery, UnsupportedQuery, parse_query
from console.manifests.promql.tree import Expr
from console.manifests.share import Quantile, Scaled, Share, is_good, quantile_of, share_of, strip_scale

_LEAST = 1e-6
"""A share below one in a million is judged as a gauge."""
_MOST = 1e14


class NotMapped(ValueError):
    """A check that cannot be a metric. One plain line."""


def draft_metrics(check: Check, pairs: Pairs, backend: str, taken: Sequence[str]) -> tuple[Entry, ...]:
    """The metrics of a check: one, or two where it has a floor and a ceiling. Raises NotMapped."""
    if check.unmapped is not None or check.query is None:
        raise NotMapped(check.unmapped or "it has no query")
    if PASSWORD_IN_URL.search(check.query):
        raise NotMapped("its query holds a URL with a password, and a plan never holds a secret")
    writer = _Writer(check, backend, list(taken))
    try:
        expr = parse_query(check.query)
    except UnsupportedQuery as error:
        return writer.gauges(check.query, None, (f"{error}, so the query is used as it stands",))
    except UnreadableQuery as error:
        raise NotMapped(str(error)) from None
    try:
        arms = arms_of(expr, pairs)
    except NotSplit as error:
        raise NotMapped(str(error)) from None
    return writer.metrics(expr, arms)


def measured_metrics(check: Check, how: Measured, target: str, taken: Sequence[str]) -> tuple[Entry, ...]:
    """The metrics of a check that the controller of `target` measures itself. Raises NotMapped."""
    notes = [f"{check.unmapped}: so the metric is the measurement of Argo's AnalysisRuns, taken to be the canary's"]
    if not how.throughout:
        notes.append("it has no data while that analysis does not run, so here it decides nothing")
    role = "critical" if how.throughout else "info"
    return _Writer(check, BACKEND, list(taken)).gauges(how.name, None, tuple(notes), role=role, of=target)


class _Writer:
    def __init__(self, check: Check, backend: str, taken: list[str]) -> None:
        self._check = check
        self._backend = backend
        self._taken = taken

    def metrics(self, expr: Expr, arms: Arms | None) -> tuple[Entry, ...]:
        """The metrics of the check's query: counts, a histogram, or gauges. Raises NotMapped."""
        inner = strip_scale(expr)
        bound = (self._check.bound or Bound()).before(inner.offset, inner.factor)
        if (found := share_of(inner.core)) is not None and (made := self._counts(found, bound, arms)) is not None:
            return made
        if (latency := quantile_of(inner.core)) is not None and arms is not None:
            return self._histogram(latency, inner, expr, arms)
        return self._gauges(expr, arms)

    def _counts(self, found: Share, bound: Bound, arms: Arms | None) -> tuple[Entry, ...] | None:
        good = is_good(found, bound)
        if good is None:
            return None
        limit = bound.high if not good else None if bound.low is None else 1.0 - bound.low
        if arms is None if limit is None else not _LEAST < limit <= 1.0:
            return None
        notes = list(self._check.notes)
        merged = [label for label in found.split_by if arms is None or label != arms.label]
        if merged:
            notes.append(f"there per {', '.join(merged)}; here all together")
        part, whole = widen_to_both(found.part, arms), widen_to_both(found.whole, arms)
        options = [
            ("shape", "good_total" if good else "counts"),
            ("good" if good else "bad", yaml_quote(str(part))),
            ("total", yaml_quote(str(whole))),
        ]
        notes += self._baseline_notes(arms)
        options += [*self._arms(arms), *self._role("critical", limited=limit is not None)]
        if limit is not None:
            options.append(("limit", f"{_decimal(100 * limit)}%"))
        return (self._metric("", [*options, *self._times()], notes),)

    def _histogram(self, found: Quantile, inner: Scaled, expr: Expr, arms: Arms) -> tuple[Entry, ...]:
        """The histogram, compared with the baseline's; and the quantile as a gauge, where the check bounds it."""
        notes = [*self._check.notes, *self._baseline_notes(arms)]
        options = [
            ("shape", "histogram"),
            ("buckets", yaml_quote(str(widen_to_both(found.buckets, arms)))),
            *self._arms(arms),
            *self._role("critical", limited=True),
        ]
        compared = self._metric("", [*options, *self._times()], notes)
        if self._check.bound in (None, Bound()):
            return (compared,)
        about = f"the p{100 * found.q:g} itself: a histogram metric has no limit for it"
        return compared, *self._gauges(expr, arms, suffix="limit", role="guard", notes=(about,))

    def _gauges(
        self, expr: Expr, arms: Arms | None, *, suffix: str = "", role: str = "critical", notes: tuple[str, ...] = ()
    ) -> tuple[Entry, ...]:
        """A number: with a limit the canary's alone, unless only a query of both versions is possible."""
        limited = self._check.bound not in (None, Bound())
        if arms is None or (limited and arms.of is None):
            notes = (*notes, *self._baseline_notes(arms))
            return self.gauges(str(expr), None, notes, suffix=suffix, role=role)
        try:
            return self.gauges(str(split_by_arm(expr, arms)), arms, notes, suffix=suffix, role=role)
        except NotSplit as error:
            if arms.of is not None:
                raise NotMapped(f"its {arms.label} changes with every rollout, and {error}") from None
            return self.gauges(str(expr), None, (*notes, f"no baseline: {error}"), suffix=suffix, role=role)

    def gauges(
        self,
        text: str,
        arms: Arms | None,
        notes: tuple[str, ...],
        *,
        suffix: str = "",
        role: str = "critical",
        of: str | None = None,
    ) -> tuple[Entry, ...]:
        """Gauges of the query `text`, or of the number `text` that `of` measures: one for each end of the bound."""
        bound = self._check.bound or Bound()
        ends = (("max", bound.high, "higher"), ("min", bound.low, "lower"))
        bounded = [end for end in ends if end[1] is not None]
        if any(abs(limit) >= _MOST for _, limit, _ in bounded if limit is not None):
            raise NotMapped(f"its limit is too large to be judged (it has to be {bound})")
        made: list[Entry] = []
        for end, limit, worse in bounded or [("", None, "higher")]:
            options = [("shape", "gauge"), ("value", yaml_quote(text))]
            options = [("of", yaml_text(of)), *options] if of is not None else [*options, *self._arms(arms)]
            options += self._role(role, limited=limit is not None)
            if limit is not None:
                options += [*([("tolerance", "2x")] if arms is not None else []), ("limit", _decimal(limit))]
            if worse == "lower":
                options.append(("worse", "lower"))
            name = "-".join(part for part in (suffix, end if len(bounded) > 1 else "") if part)
            made.append(self._metric(name, [*options, *self._times()], [*self._check.notes, *notes]))
        return tuple(made)

    def _metric(self, suffix: str, options: list[tuple[str, str]], notes: Sequence[str]) -> Entry:
        name = unique_name(f"{self._check.name}-{suffix}" if suffix else self._check.name, self._taken, "metric")
        self._taken.append(name)
        wanted = () if self._check.bound is None else (f"it has to be {self._check.bound}",)
        about = (self._check.origin, *dict.fromkeys((*wanted, *notes)))
        return Entry(name, (("backend", self._backend), *options), about)

    def _baseline_notes(self, arms: Arms | None) -> list[str]:
        return [] if arms is not None else ["no baseline: no label in the query separates the two versions"]

    def _arms(self, arms: Arms | None) -> list[tuple[str, str]]:
        if arms is None:
            return [("arms", "none")]
        if arms.of is not None:
            return [("arms", f"{{label: {yaml_text(arms.label)}, of: {yaml_text(arms.of)}}}")]
        values = f"canary: {yaml_text(arms.canary)}, baseline: {yaml_text(arms.baseline)}"
        return [("arms", f"{{label: {yaml_text(arms.label)}, {values}}}")]

    def _role(self, role: str, *, limited: bool) -> list[tuple[str, str]]:
        return [("role", role if self._check.decides and limited else "info")]

    def _times(self) -> list[tuple[str, str]]:
        found = [("warmup", self._check.warmup)] if self._check.warmup else []
        how = self._check.measured
        return [*found, ("stale_after", how.stale_after)] if how is not None and how.stale_after else found


def _decimal(value: float) -> str:
    """A number as a plan writes it: without an exponent."""
    return f"{value:.8f}".rstrip("0").rstrip(".") if abs(value) < 1e6 else f"{value:.0f}"
