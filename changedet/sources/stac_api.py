"""Search of a STAC API through pystac-client, with our transport underneath."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import pystac_client
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO
from pystac_client.warnings import PystacClientWarning

from changedet.errors import CatalogueError, ServiceError
from changedet.sources import Query
from changedet.sources.allowed import without_secrets
from changedet.sources.transport import Transport

PAGE = 200


class _CheckedIO(StacApiIO):
    """pystac-client's I/O, sending every request through a Transport."""

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
            client = pystac_client.Client.open(address, stac_io=_CheckedIO(transport))
            search = client.search(
                bbox=(min(lons), min(lats), max(lons), max(lats)),
                datetime=[query.start, query.end],
                collections=[query.collection] if query.collection else None,
                limit=PAGE,
                max_items=limit,
            )
            for page in search.pages_as_dicts():
                yield from page.get("features", [])
    except APIError as error:
        raise ServiceError(f"catalog {without_secrets(address)}: the search failed: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise CatalogueError(f"catalog {without_secrets(address)} is not a STAC API: {error}") from error
