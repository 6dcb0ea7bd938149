"""A small STAC API on loopback: the items of a static catalogue, searched by dates and answered in pages."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar

from tests.loopback import Fault, Files, Served, Server, running, send

PAGE = 2
Page = Callable[[dict[str, Any], int, str], dict[str, Any]]
"""May change an answer: given the page, the number of the request, and the address of the search."""


class _Api(Files, BaseHTTPRequestHandler):
    items: ClassVar[list[dict[str, Any]]]
    change: ClassVar[Page | None] = None

    def do_GET(self) -> None:
        if self.path.strip("/"):
            super().do_GET()
            return
        self.served.count("/")
        fault = self.fault
        if fault is not None and fault(self, 1):
            return
        links = [{"rel": "self", "href": f"{self.served.url}/"}]
        links += [
            {"rel": "search", "href": f"{self.served.url}/search", "method": "POST", "type": "application/geo+json"}
        ]
        self._json({"type": "Catalog", "id": "api", "description": "test", "stac_version": "1.0.0", "links": links,
                    "conformsTo": ["https://api.stacspec.org/v1.0.0/core",
                                   "https://api.stacspec.org/v1.0.0/item-search"]})  # fmt: skip

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        number = self.served.count(self.path)
        fault = self.fault
        if fault is not None and fault(self, number):
            return
        first, last = (datetime.fromisoformat(text) for text in body["datetime"].split("/"))
        found = [i for i in self.items if first <= datetime.fromisoformat(i["properties"]["datetime"]) <= last]
        start = int(body.get("token", 0))
        page: dict[str, Any] = {"type": "FeatureCollection", "features": found[start : start + PAGE], "links": []}
        if start + PAGE < len(found):
            page["links"] = [next_link(f"{self.served.url}/search", {**body, "token": start + PAGE})]
        self._json(page if self.change is None else self.change(page, number, f"{self.served.url}/search"))

    def _json(self, value: object) -> None:
        send(self, 200, json.dumps(value).encode(), "application/geo+json")


def next_link(address: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"rel": "next", "href": address, "method": "POST", "body": body}


@contextmanager
def stac_api(catalogue: Path, *, fault: Fault | None = None, change: Page | None = None) -> Iterator[Served]:
    """Serve the items of a static catalogue's folder, and their files, as a STAC API would."""
    served = Served("")
    items: list[dict[str, Any]] = []
    names: dict[str, Any] = {
        "root": catalogue,
        "served": served,
        "items": items,
        "fault": staticmethod(fault) if fault else None,
        "change": staticmethod(change) if change else None,
    }
    server = Server(("127.0.0.1", 0), type("Handler", (_Api,), names))
    served.url = f"http://127.0.0.1:{server.server_port}"
    for path in sorted(catalogue.glob("*/*.json")):
        item = json.loads(path.read_text())
        for asset in item["assets"].values():
            if "://" not in asset["href"]:
                asset["href"] = f"{served.url}/{path.parent.name}/{asset['href'].removeprefix('./')}"
        items.append({**item, "links": []})
    with running(server):
        yield served
