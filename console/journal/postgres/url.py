"""A PostgreSQL URL: what of it may be shown, and what of it never is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, unquote, urlsplit

from adapters.sanitize import one_line

SCHEMES = ("postgresql", "postgres")
CONNECT_S = 2
"""How long connecting to one host may take; libpq takes no less."""
_SECRET = ("password", "sslpassword", "oauth_client_secret")

_WHERE = (
    ("host", "PGHOST"),
    ("hostaddr", "PGHOSTADDR"),
    ("port", "PGPORT"),
    ("dbname", "PGDATABASE"),
    ("user", "PGUSER"),
    ("service", "PGSERVICE"),
)
"""What a URL says about where the database is, and the variable that says it otherwise."""


@dataclass(frozen=True, slots=True, repr=False)
class Url:
    """A connection URL. `str()` and `repr()` name the place without secrets."""

    text: str

    def __str__(self) -> str:
        """Scheme, user, host, port, database and service; nothing else."""
        parts = urlsplit(self.text)
        _, _, where = parts.netloc.rpartition("@")
        user = f"{parts.username}@" if parts.username else ""
        service = parse_qs(parts.query).get("service")
        asked = f"?service={quote(service[0])}" if service else ""
        return one_line(f"{parts.scheme}://{user}{where}{parts.path}{asked}", 200)

    def __repr__(self) -> str:
        return f"Url({str(self)!r})"

    def place(self, environ: Mapping[str, str]) -> str:
        """What tells one database from another, however its URL is written: where, which, and as whom; no secret."""
        parts = urlsplit(self.text)
        _, _, where = parts.netloc.rpartition("@")
        asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        split = [_host_and_port(each) for each in where.split(",")]
        given = {
            "host": ",".join(host if host.startswith("/") else host.lower() for host, _ in split),
            "port": ",".join(port or "5432" for _, port in split) if any(port for _, port in split) else "",
            "dbname": unquote(parts.path.lstrip("/")),
            "user": unquote(parts.username or ""),
        }
        found = {name: asked.get(name) or given.get(name) or environ.get(variable, "") for name, variable in _WHERE}
        if all(port == "5432" for port in found["port"].split(",")):
            found["port"] = ""
        return "postgresql " + " ".join(f"{name}={value!r}" for name, value in found.items() if value)

    @property
    def hosts(self) -> int:
        """How many there are to be tried, one after the other."""
        parts = urlsplit(self.text)
        _, _, where = parts.netloc.rpartition("@")
        asked = parse_qs(parts.query)
        return max(len(given.split(",")) for given in (where, *asked.get("host", []), *asked.get("hostaddr", [])))

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be shown, as it is written and as it is meant, the longest first."""
        parts = urlsplit(self.text)
        userinfo, _, _ = parts.netloc.rpartition("@")
        _, _, password = userinfo.partition(":")
        asked = parse_qs(parts.query)
        found = [password, *(value for name in _SECRET for value in asked.get(name, []))]
        spelled = {way for secret in found if secret for way in (secret, unquote(secret), quote(secret, safe=""))}
        return tuple(sorted(spelled, key=len, reverse=True))

    def unverified(self, environ: Mapping[str, str]) -> str | None:
        """The sslmode with which anybody on the way could answer for the server; None if nobody can, or it is local."""
        parts = urlsplit(self.text)
        asked = parse_qs(parts.query)
        host = (asked.get("host") or [parts.hostname or environ.get("PGHOST", "")])[0]
        if host in ("", "localhost", "::1") or host.startswith(("/", "127.", "%2F", "%2f")):
            return None
        mode = (asked.get("sslmode") or [environ.get("PGSSLMODE", "prefer")])[0]
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
