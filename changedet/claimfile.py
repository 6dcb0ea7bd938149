"""Claim files: YAML in, :class:`~changedet.claim.Claim` out, every mistake named at once with its line.

The site is the path of a site file, relative to the claim file, or a site written out in place.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError
from pydantic.json_schema import JsonSchemaMode
from shapely import Polygon

from changedet.claim import Claim, ClaimedObject, ReportSource, What
from changedet.errors import FileError
from changedet.plainwords import found, problem_of
from changedet.site import Period, Site
from changedet.sitefile import Rooms, period_in, site_in
from changedet.yamlfile import Path_, Reader, load

REQUIRED = ("quotation", "source", "site", "what", "window", "objects")
FIELDS: Mapping[str, Any] = {
    "quotation": Annotated[str, Claim.model_fields["quotation"], Field(description="the sentence as it was published")],
    "source": Annotated[ReportSource, Field(description="where it was published, by whom and when")],
    "site": Annotated[str, Field(min_length=1, description="path of a site file, or a site written out")],
    "what": Annotated[What, Field(description="what is said to have happened to the objects")],
    "window": Annotated[
        tuple[date, date], Field(description="first and last day on which it is said to have happened; within after")
    ],
    "objects": Annotated[tuple[ClaimedObject, ...], Field(min_length=1, description="the objects it speaks of")],
}
"""Key of the file → its type with a description."""


def read_claim(path: Path, rooms: Rooms) -> tuple[Claim, Path]:
    """Read one claim file, and its site.

    Returns
    -------
    the claim, and the folder against which paths in the site's ``source`` are resolved

    Raises
    ------
    FileError
        With every problem found, in the claim file and in its site file.
    """
    reader = Reader(str(path), load(path))
    reader.keys((), FIELDS, REQUIRED)
    site, folder = _site(reader, path.parent, rooms)
    parts: dict[str, Any] = {
        "quotation": reader.value(("quotation",), TypeAdapter(FIELDS["quotation"])),
        "source": reader.model(("source",), ReportSource),
        "site": site,
        "what": reader.value(("what",), TypeAdapter(FIELDS["what"])),
        "window": _window(reader, site),
        "objects": _objects(reader),
    }
    reader.finish()
    try:
        return Claim(**parts), folder
    except ValidationError as error:
        where = error.errors()[0]["loc"]
        reader.add(where[:1] if where and isinstance(where[0], str) else (), problem_of(error))
        reader.finish()
        raise


def claim_schema(site: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON Schema (draft 2020-12) of claim files, for editors.

    Parameters
    ----------
    site : the schema of site files
    """
    asked: list[tuple[str, JsonSchemaMode, TypeAdapter[Any]]] = [
        (key, "validation", TypeAdapter(kind)) for key, kind in FIELDS.items()
    ]
    made, definitions = TypeAdapter.json_schemas(asked)
    fields = {key: made[key, "validation"] for key in FIELDS}
    defs = {**definitions.get("$defs", {}), **site["$defs"]}
    defs["ClaimedObject"]["oneOf"] = [{"required": ["center", "size"]}, {"required": ["polygon"]}]
    inline = {key: value for key, value in site.items() if key not in ("$schema", "title", "$defs")}
    fields["site"] = {"description": fields["site"].pop("description"), "anyOf": [fields["site"], inline]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A changedet claim file",
        "type": "object",
        "additionalProperties": False,
        "required": list(REQUIRED),
        "properties": fields,
        "$defs": dict(sorted(defs.items())),
    }


def _site(reader: Reader, folder: Path, rooms: Rooms) -> tuple[Site | None, Path]:
    item = reader.item(("site",))
    if item is None:
        return None, folder
    if isinstance(item.value, Mapping):
        inner = Reader(reader.file, item, within=("site",))
        site = site_in(inner, folder, rooms)
        reader.take(inner.problems)
        return site, folder
    if not isinstance(item.value, str) or not item.value or "\0" in item.value:
        reader.add(("site",), f"is {found(item.plain())}, but must be the path of a site file, or a block that is one")
        return None, folder
    path = folder / item.value
    try:
        other = Reader(str(path), load(path))
    except FileError as error:
        if error.problems[0].field == "file" and not path.is_file():
            reader.add(("site",), f"names {found(item.value)}, which does not exist beside this file")
        else:
            reader.take(error.problems)
        return None, folder
    site = site_in(other, path.parent, rooms)
    reader.take(other.problems)
    return site, path.parent


def _window(reader: Reader, site: Site | None) -> Period | None:
    window = period_in(reader, "window")
    if window is not None and site is not None and (window.first < site.after.first or window.last > site.after.last):
        reader.add(
            ("window",),
            f"is {window}, but must lie within the site's after, {site.after}, for the days before that teach what is "
            "normal; correct the window, or move or widen the site's before and after",
        )
    return window


def _objects(reader: Reader) -> tuple[ClaimedObject, ...]:
    objects: list[ClaimedObject] = []
    item = reader.item(("objects",))
    if item is not None and item.value == ():
        reader.add(("objects",), "is an empty list; name at least one object")
    for path in () if item is None else reader.entries(("objects",)):
        one = reader.model(path, ClaimedObject)
        if one is None:
            continue
        _check(reader, path, one, [other.name for other in objects])
        objects.append(one)
    return tuple(objects)


def _check(reader: Reader, path: Path_, one: ClaimedObject, names: list[str]) -> None:
    if one.name in names:
        reader.add((*path, "name"), f"is {found(one.name)}, as of an earlier object; each needs its own name")
    if not Polygon(one.ring()).is_valid:
        reader.add((*path, "polygon"), "crosses itself; list the corners in order around the object")
