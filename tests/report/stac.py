"""STAC documents checked against their schemas, offline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator
from pystac.validation.local_validator import get_local_schema_cache
from referencing import Registry, Resource
from referencing.exceptions import NoSuchResource

SCHEMAS = Path(__file__).parent.parent / "schemas"
CORE = "https://schemas.stacspec.org/v1.1.0"


def registry() -> Registry:
    """Schemas by address, from the installed pystac and from ``tests/schemas``; no network."""
    own = [json.loads(path.read_bytes()) for path in SCHEMAS.glob("*.json")]
    schemas = {**get_local_schema_cache(), **{schema["$id"].rstrip("#"): schema for schema in own}}

    def refuse(uri: str) -> Resource:
        raise NoSuchResource(ref=uri)

    return Registry(retrieve=refuse).with_resources(
        [(address, Resource.from_contents(schema)) for address, schema in schemas.items()]
    )


def validate(value: dict[str, Any]) -> None:
    """Against the core schema of its type and those of its extensions."""
    kind = {"Feature": "item", "Catalog": "catalog"}[value["type"]]
    known = registry()
    for address in (f"{CORE}/{kind}-spec/json-schema/{kind}.json", *value.get("stac_extensions", [])):
        schema = known.contents(address)
        Draft7Validator(schema, registry=known).validate(value)
