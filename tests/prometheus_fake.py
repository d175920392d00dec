"""A fake Prometheus on loopback for commands that ask one: raw samples of given counters and levels, by selector."""

from __future__ import annotations

import json
import math
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

Value = Callable[[float], float | None]
"""The value of a series at a moment (unix seconds); None where it has no sample."""
Series = tuple[Mapping[str, str], Value]
"""Labels and values."""


@dataclass
class Fake:
    """Its answers: selector -> (labels, value) of each series; and how often the series were scraped."""

    series: Mapping[str, list[Series]] = field(default_factory=dict)
    spacing_s: float = 10.0
    status: int = 200
    url: str = ""
    forms: list[Mapping[str, str]] = field(default_factory=list)
    """Every request, as it came."""

    def answer(self, form: Mapping[str, str]) -> Mapping[str, object]:
        asked = re.fullmatch(r"(.*)\[(\d+)s\]", form["query"])
        assert asked is not None, form
        end, spacing = float(form["time"]), self.spacing_s
        first = math.floor((end - int(asked[2])) / spacing) + 1
        found = []
        for labels, value in self.series.get(asked[1], []):
            moments = [number * spacing for number in range(first, math.floor(end / spacing) + 1)]
            values = [[at, str(told)] for at in moments if (told := value(at)) is not None]
            if values:
                found.append({"metric": labels, "values": values})
        return {"status": "success", "data": {"resultType": "matrix", "result": found}}


@contextmanager
def prometheus(fake: Fake) -> Iterator[Fake]:
    """Serve `fake` until the block ends; its `url` is set."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            fake.forms.append(form)
            told = fake.answer(form) if fake.status == 200 else {"status": "error", "error": "no"}
            data = json.dumps(told).encode()
            self.send_response(fake.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield fake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def counter(rate: float) -> Callable[[float], float]:
    """A counter that rises by `rate` a second, in whole events."""
    return lambda at: float(math.floor(at * rate))
