"""The sentences that say what happened to which kinds of object, and how firmly they say it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from changedet.fromtext.dates import Span, find_dates
from changedet.fromtext.facilities import SiteProposal, Unresolved
from changedet.fromtext.vocabulary import EVENTS, HEDGES, INTENTION, NEGATION, OBJECTS, TANKS, What
from changedet.fromtext.words import Sentence
from changedet.site import ZoneKind

Stance = Literal["asserted", "hedged", "denied", "intended"]
_REACH = 45
"""Letters before an event's word in which a "not" or "will" still belongs to it."""


@dataclass(frozen=True, slots=True)
class Assertion:
    """One sentence that says that something was destroyed, damaged, built or left intact."""

    sentence: str
    number: int
    what: What
    stance: Stance
    """``hedged``: on somebody's word or with doubt; ``denied``: said not to have happened; ``intended``: not yet."""
    hedges: tuple[str, ...]
    """The words that hedge."""
    kinds: tuple[ZoneKind, ...]
    written: tuple[str, ...]
    """The objects as the text calls them, one for each kind."""
    dates: tuple[Span, ...]
    sites: tuple[str, ...]
    """Names of the facilities it is about."""
    site_from: Literal["this sentence", "an earlier sentence", "the text"]
    """Where the facilities were named."""


def find_assertions(
    sentences: tuple[Sentence, ...], sites: tuple[SiteProposal, ...], published: date | None
) -> tuple[tuple[Assertion, ...], tuple[Unresolved, ...]]:
    """What the text says happened to a kind of object or a facility; and words that could mean two things."""
    made: list[Assertion] = []
    unresolved: list[Unresolved] = []
    for sentence in sentences:
        text = sentence.text
        event = _event(text)
        if event is None:
            continue
        what, stance = event
        objects = _objects(text)
        where, site_from = _sites(sentence.number, sites)
        if any(not _is_object(text, match.start()) for match in TANKS.finditer(text)):
            unresolved.append(Unresolved("tanks", text, "storage tanks or vehicles? The sentence does not say"))
        if not objects and site_from != "this sentence":
            continue
        hedges = tuple(dict.fromkeys(match.group() for match in HEDGES.finditer(text)))
        if stance == "asserted" and hedges:
            stance = "hedged"
        dates = find_dates(text, published) or _dates_before(sentences, sentence.number, published)
        kinds, written = tuple(objects), tuple(objects.values())
        made.append(Assertion(text, sentence.number, what, stance, hedges, kinds, written, dates, where, site_from))
    return tuple(made), tuple(unresolved)


def _event(text: str) -> tuple[What, Stance] | None:
    """The gravest event of a sentence that is neither denied nor intended; else the gravest at all."""
    fallback: tuple[What, Stance] | None = None
    for what, pattern in EVENTS:
        for match in pattern.finditer(text):
            before = text[max(0, match.start() - _REACH) : match.start()]
            before = before.rsplit(";", 1)[-1].rsplit(":", 1)[-1]
            if what != "intact" and NEGATION.search(before):
                fallback = fallback or (what, "denied")
            elif INTENTION.search(before):
                fallback = fallback or (what, "intended")
            else:
                return what, "asserted"
    return fallback


def _objects(text: str) -> dict[ZoneKind, str]:
    """Kind → as written; a kind that lies within another's words is not counted again."""
    found: dict[ZoneKind, str] = {}
    taken: list[tuple[int, int]] = []
    for kind, pattern in OBJECTS:
        for match in pattern.finditer(text):
            if any(match.start() < end and start < match.end() for start, end in taken):
                continue
            taken.append(match.span())
            found.setdefault(kind, match.group())
    return found


def _is_object(text: str, at: int) -> bool:
    return any(match.start() <= at < match.end() for _, pattern in OBJECTS for match in pattern.finditer(text))


def _sites(
    number: int, sites: tuple[SiteProposal, ...]
) -> tuple[tuple[str, ...], Literal["this sentence", "an earlier sentence", "the text"]]:
    here = tuple(site.facility.name for site in sites if number in site.sentences)
    if here:
        return here, "this sentence"
    earlier = [at for site in sites for at in site.sentences if at < number]
    if earlier:
        nearest = max(earlier)
        return tuple(site.facility.name for site in sites if nearest in site.sentences), "an earlier sentence"
    return tuple(site.facility.name for site in sites), "the text"


def _dates_before(sentences: tuple[Sentence, ...], number: int, published: date | None) -> tuple[Span, ...]:
    """The days of the nearest earlier sentence that gives any."""
    for sentence in reversed(sentences[:number]):
        if dates := find_dates(sentence.text, published):
            return dates
    return ()
