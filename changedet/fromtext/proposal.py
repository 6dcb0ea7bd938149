"""A text read as a whole: the sites it names, what it says happened there, and what it leaves open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from changedet.errors import InputError
from changedet.fromtext.assertions import Assertion, find_assertions
from changedet.fromtext.dates import dateline
from changedet.fromtext.facilities import SiteProposal, Unresolved, find_facilities
from changedet.fromtext.gazetteer import Gazetteer
from changedet.fromtext.towns import TownMention, setting
from changedet.fromtext.words import sentences

MAX_LETTERS = 200_000


@dataclass(frozen=True, slots=True)
class ContextPlace:
    """A town or province that the text names, as it is understood."""

    name: str
    country: str
    position: tuple[float, float]
    """Longitude, latitude."""
    written: str
    reason: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a text yields, for a person to correct."""

    sites: tuple[SiteProposal, ...]
    context: tuple[ContextPlace, ...]
    assertions: tuple[Assertion, ...]
    unresolved: tuple[Unresolved, ...]
    """What was ambiguous or not found. Nothing is written for these."""
    published: date | None


def propose(text: str, gazetteer: Gazetteer, published: date | None = None) -> Proposal:
    """Read an English text.

    Parameters
    ----------
    published : day of publication, for "this week" and days without a year; by default that of the dateline

    Raises
    ------
    InputError
        If the text is longer than ``MAX_LETTERS``.
    """
    if len(text) > MAX_LETTERS:
        raise InputError(f"the text has {len(text)} letters; give one report of at most {MAX_LETTERS}")
    parts = sentences(text)
    head = dateline(text) if published is None else None
    if head is not None:
        published = head.first
    taken = () if head is None else (Unresolved(head.text, parts[0].text, "taken as the day of publication"),)
    where = setting(parts, gazetteer)
    sites, open_names, unknown = find_facilities(parts, gazetteer, where)
    first = "" if head is None else head.text
    assertions, open_words = find_assertions(parts, sites, published, first, unknown, where.towns)
    open_days = tuple(
        Unresolved(span.text, one.sentence, "this day needs the day of publication or a year")
        for one in assertions
        for span in one.dates
        if span.first is None
    )
    open_towns = tuple(
        Unresolved(
            mention.name.text,
            parts[mention.name.sentence].text,
            mention.reason,
            tuple(str(town) for town in mention.candidates[:6]),
        )
        for mention in where.towns
        if mention.town is None
    )
    unresolved = tuple(dict.fromkeys((*taken, *open_names, *open_towns, *open_words, *open_days)))
    return Proposal(sites, _context(where.towns), assertions, unresolved, published)


def _context(towns: tuple[TownMention, ...]) -> tuple[ContextPlace, ...]:
    places: dict[tuple[str, str], ContextPlace] = {}
    for mention in towns:
        town = mention.town
        if town is not None:
            place = ContextPlace(town.name, town.country, town.position, mention.name.text, mention.reason)
            places.setdefault((town.name, town.country), place)
    return tuple(places.values())
