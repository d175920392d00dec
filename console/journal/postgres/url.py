"""A PostgreSQL connection URL, with its secrets kept out of all text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, unquote, urlsplit

from adapters.sanitize import one_line

SCHEMES = ("postgresql", "postgres")
CONNECT_S = 2
"""Connect timeout per host in seconds; libpq's minimum."""
_SECRET = ("password", "sslpassword", "oauth_client_secret")
"""Query parameters whose values are secret."""

_WHERE = (
    ("host", "PGHOST"),
    ("hostaddr", "PGHOSTADDR"),
    ("port", "PGPORT"),
    ("dbname", "PGDATABASE"),
    ("user", "PGUSER"),
    ("service", "PGSERVICE"),
)
"""Parts of a URL that identify the database, each with its fallback environment variable."""


@dataclass(frozen=True, slots=True, repr=False)
class Url:
    """A connection URL; `str()` and `repr()` show it without secrets."""

    text: str

    def __str__(self) -> str:
        """Scheme, user, host, port, database and service; nothing else."""
        parts = urlsplit(self.text)
        _, _, where = parts.netloc.rpartition("@")
        user = f"{parts.username}@" if parts.username else ""
        service = parse_qs(parts.query).get("service")
        query = f"?service={quote(service[0])}" if service else ""
        return one_line(f"{parts.scheme}://{user}{where}{parts.path}{query}", 200)

    def __repr__(self) -> str:
        return f"Url({str(self)!r})"

    def canonical_name(self, environ: Mapping[str, str]) -> str:
        """One name per database and user, however the URL is written; without secrets.

        Spools of earlier consoles are found by it: its format must not change.
        """
        parts = urlsplit(self.text)
        _, _, where = parts.netloc.rpartition("@")
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        split = [_host_and_port(each) for each in where.split(",")]
        given = {
            "host": ",".join(host if host.startswith("/") else host.lower() for host, _ in split),
            "port": ",".join(port or "5432" for _, port in split) if any(port for _, port in split) else "",
            "dbname": unquote(parts.path.lstrip("/")),
            "user": unquote(parts.username or ""),
        }
        found = {name: query.get(name) or given.get(name) or environ.get(variable, "") for name, variable in _WHERE}
        if all(port == "5432" for port in found["port"].split(",")):
            found["port"] = ""
        return "postgresql " + " ".join(f"{name}={value!r}" for name, value in found.items() if value)

    @property
    def host_count(self) -> int:
        """The number of hosts that libpq tries one after the other."""
        parts = urlsplit(self.text)
        _, _, where = parts.netloc.rpartition("@")
        query = parse_qs(parts.query)
        return max(len(given.split(",")) for given in (where, *query.get("host", []), *query.get("hostaddr", [])))

    @property
    def secrets(self) -> tuple[str, ...]:
        """Secrets of the URL, both quoted and unquoted, longest first."""
        parts = urlsplit(self.text)
        userinfo, _, _ = parts.netloc.rpartition("@")
        _, _, password = userinfo.partition(":")
        query = parse_qs(parts.query)
        found = [password, *(value for name in _SECRET for value in query.get(name, []))]
        spelled = {way for secret in found if secret for way in (secret, unquote(secret), quote(secret, safe=""))}
        return tuple(sorted(spelled, key=len, reverse=True))

    def unverified_sslmode(self, environ: Mapping[str, str]) -> str | None:
        """The sslmode if it does not verify the server; None for a local server."""
        parts = urlsplit(self.text)
        query = parse_qs(parts.query)
        host = (query.get("host") or [parts.hostname or environ.get("PGHOST", "")])[0]
        if host in ("", "localhost", "::1") or host.startswith(("/", "127.", "%2F", "%2f")):
            return None
        mode = (query.get("sslmode") or [environ.get("PGSSLMODE", "prefer")])[0]
        return None if mode in ("verify-full", "verify-ca") else mode

    def redact(self, text: object) -> str:
        """`text` on one line without any secret of this URL."""
        line = str(text)
        for secret in self.secrets:
            line = line.replace(secret, "***")
        return one_line(line)


def _host_and_port(given: str) -> tuple[str, str]:
    """("db1", "5433") of "db1:5433"; an IPv6 address is in brackets."""
    host, separator, port = given.rpartition(":")
    if not separator or "]" in port:
        return unquote(given), ""
    return unquote(host), port
