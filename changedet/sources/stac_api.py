"""Search of a STAC API through pystac-client, with our transport underneath."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import pystac_client
from pystac import Link, STACError
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO
from pystac_client.warnings import PystacClientWarning

from changedet.errors import CatalogueError, ServiceError
from changedet.sources import Query
from changedet.sources.allowed import without_secrets
from changedet.sources.transport import Transport

PAGE = 200
MAX_PAGES = 1000


class _CheckedIO(StacApiIO):
    """pystac-client's I/O, sending every request through a Transport, and following pages to their end."""

    def __init__(self, transport: Transport) -> None:
        super().__init__()
        self._transport = transport

    def request(
        self,
        href: str,
        method: str | None = None,
        headers: Mapping[str, str] | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> str:
        """The body of the answer."""
        return self._transport.text(method or "GET", href, parameters, headers)

    def get_pages(
        self, url: str, method: str | None = None, parameters: dict[str, Any] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Pages of a search; one that is empty but names a next one is not the last.

        Raises
        ------
        ServiceError
            When a page is named twice, or there is no end of them: a list cut short would pass for the whole.
        """
        page = self.read_json(url, method=method, parameters=parameters)
        seen: set[str] = set()
        for _ in range(MAX_PAGES):
            yield page
            following = next((link for link in page.get("links", []) if link.get("rel") == "next"), None)
            if following is None:
                return
            name = json.dumps([following.get("href"), following.get("body")], sort_keys=True)
            if name in seen:
                raise ServiceError(f"{without_secrets(url)} names the same page of its answer twice")
            seen.add(name)
            page = self.read_json(Link.from_dict(following), parameters=parameters)
        raise ServiceError(f"{without_secrets(url)} answered more than {MAX_PAGES} pages; shorten the periods")


def api_items(address: str, query: Query, transport: Transport, limit: int) -> Iterator[dict[str, Any]]:
    """Items of a STAC API that meet the query's box, dates and collection; the caller filters the rest.

    Raises
    ------
    CatalogueError, ServiceError
    """
    lons, lats = [p[0] for p in query.ring], [p[1] for p in query.ring]
    try:
        with warnings.catch_warnings():
            # a server may conform without saying so; what it returns is filtered here again
            warnings.simplefilter("ignore", PystacClientWarning)
            pages = _CheckedIO(transport)
            client = pystac_client.Client.open(address, stac_io=pages)
            search = client.search(
                bbox=(min(lons), min(lats), max(lons), max(lats)),
                datetime=[query.start, query.end],
                collections=[query.collection] if query.collection else None,
                limit=PAGE,
            )
            count = 0
            for page in pages.get_pages(search.url, search.method, search.get_parameters()):
                found = page.get("features", [])
                count += len(found)
                if count > limit:
                    raise CatalogueError(
                        f"catalog {without_secrets(address)} answered more than {limit} scenes; shorten the periods"
                    )
                yield from found
    except APIError as error:
        raise ServiceError(f"catalog {without_secrets(address)}: the search failed: {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, STACError) as error:
        raise CatalogueError(f"catalog {without_secrets(address)} is not a STAC API: {error}") from error
