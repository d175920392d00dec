"""Queries of Flagger's two built-in checks, for each mesh or ingress.

Source: Flagger's metric observers (1.36): request-success-rate is a percentage, request-duration the 99th percentile,
or for two ingresses the mean, in milliseconds. Skipper is missing: its routes need a template of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

SUCCESS_RATE, DURATION = "request-success-rate", "request-duration"
UNNAMED = "only a flag of Flagger names the mesh: set spec.provider, or give --provider"


@dataclass(frozen=True, slots=True)
class RequestMetrics:
    """The metrics in which one mesh counts requests. Texts hold Flagger's placeholders."""

    requests: str
    """The counter."""
    matchers: str
    """Matchers of the canary's series."""
    good: str
    """Matcher of the good requests among them."""
    took: str
    """The histogram's buckets; for a mean, the name without _sum and _count."""
    per_s: float = 1.0
    """Milliseconds in one unit of the duration."""
    mean: bool = False
    more: str = ""
    """A matcher that only the duration has."""

    def success_rate(self) -> str:
        """Query of the share of good requests, in percent."""
        good = _summed_rate(self.requests, f"{self.matchers},{self.good}")
        return f"{good} / {_summed_rate(self.requests, self.matchers)} * 100"

    def duration(self) -> str:
        """Query of the request duration, in milliseconds."""
        matchers = ",".join(part for part in (self.more, self.matchers) if part)
        if self.mean:
            query = " / ".join(_summed_rate(f"{self.took}_{part}", matchers) for part in ("sum", "count"))
        else:
            query = f"histogram_quantile(0.99, sum by (le) (rate({self.took}{{{matchers}}}[{{{{ interval }}}}])))"
        return query if self.per_s == 1.0 else f"{query} * {self.per_s:g}"


def _summed_rate(series: str, matchers: str) -> str:
    return f"sum(rate({series}{{{matchers}}}[{{{{ interval }}}}]))"


_POD = '{{ target }}-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)"'
_ENVOY, _ENVOY_TOOK = "envoy_cluster_upstream_rq", "envoy_cluster_upstream_rq_time_bucket"
_NOT_5XX = 'envoy_response_code!~"5.*"'


def _envoy(cluster: str) -> RequestMetrics:
    return RequestMetrics(_ENVOY, f'envoy_cluster_name=~"{cluster}"', _NOT_5XX, _ENVOY_TOOK)


_HTTP = RequestMetrics(
    "http_request_duration_seconds_count",
    f'kubernetes_namespace="{{{{ namespace }}}}",kubernetes_pod_name=~"{_POD}',
    'status!~"5.*"',
    "http_request_duration_seconds_bucket",
    per_s=1000.0,
)
_KNOWN = {
    "istio": RequestMetrics(
        "istio_requests_total",
        'reporter="destination",destination_workload_namespace="{{ namespace }}",destination_workload=~"{{ target }}"',
        'response_code!~"5.*"',
        "istio_request_duration_milliseconds_bucket",
    ),
    "linkerd": RequestMetrics(
        "response_total",
        'namespace="{{ namespace }}",deployment=~"{{ target }}",direction="inbound"',
        'classification!="failure"',
        "response_latency_ms_bucket",
    ),
    "osm": RequestMetrics(
        "osm_request_total",
        'destination_namespace="{{ namespace }}",destination_kind="Deployment",destination_name="{{ target }}"',
        'response_code!~"5.*"',
        "osm_request_duration_ms_bucket",
    ),
    "appmesh": RequestMetrics(
        _ENVOY, f'kubernetes_namespace="{{{{ namespace }}}}",kubernetes_pod_name=~"{_POD}', _NOT_5XX, _ENVOY_TOOK
    ),
    "kubernetes": _HTTP,
    "gatewayapi": _HTTP,
    "contour": _envoy("{{ namespace }}_{{ service }}-canary_[0-9a-zA-Z-]+"),
    "gloo": _envoy("{{ namespace }}-{{ target }}-canaryupstream-[0-9a-zA-Z-]+_[0-9a-zA-Z-]+"),
    "kuma": _envoy("{{ target }}-canary_{{ namespace }}_svc_[0-9a-zA-Z-]+"),
    "nginx": RequestMetrics(
        "nginx_ingress_controller_requests",
        'namespace="{{ namespace }}",ingress="{{ ingress }}",canary!=""',
        'status!~"5.*"',
        "nginx_ingress_controller_ingress_upstream_latency_seconds",
        per_s=1000.0,
        mean=True,
    ),
    "traefik": RequestMetrics(
        "traefik_service_request_duration_seconds_count",
        'service=~"{{ namespace }}-{{ target }}-canary-[0-9a-zA-Z-]+@kubernetescrd"',
        'code!~"5.."',
        "traefik_service_request_duration_seconds_bucket",
        per_s=1000.0,
    ),
    "apisix": RequestMetrics(
        "apisix_http_status",
        'route=~"{{ namespace }}_{{ route }}-{{ target }}-canary_.+"',
        'code!~"5.."',
        "apisix_http_latency_bucket",
        more='type=~"request"',
    ),
}


def request_metrics(provider: str) -> RequestMetrics | None:
    """The metrics of a Flagger provider; None for an unknown one."""
    return _KNOWN.get(provider.partition(":")[0])
