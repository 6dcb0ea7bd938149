"""The sentences that say what happened to which kinds of object, and how firmly they say it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from changedet.fromtext.dates import Span, find_dates
from changedet.fromtext.days import days_for, days_of, history
from changedet.fromtext.facilities import SiteProposal, Unknown, Unresolved
from changedet.fromtext.towns import TownMention, distance_km, names
from changedet.fromtext.vocabulary import (
    ARMOUR,
    BESIDE,
    BEYOND_SAVING,
    CIVIL,
    CORRECTION,
    DENIAL,
    DENIED,
    ELSEWHERE,
    EVENTS,
    FACILITY_KINDS,
    FICTION,
    HEDGES,
    INTENTION,
    LEAVES,
    MUCH_FICTION,
    NEGATION,
    OBJECTS,
    PETROLEUM,
    PRETENCE,
    SIMILE,
    STRONG,
    TANKS,
    UNSPARED,
    WE_SAID,
    WENT,
    What,
    same_kind,
)
from changedet.fromtext.words import Sentence, key
from changedet.site import ZoneKind

Stance = Literal["asserted", "hedged", "denied", "intended"]
FAR_KM = 60.0
"""From a site to a town of which a sentence speaks by itself."""
_REACH = 45
"""Letters before an event's word in which a "not" or "will" still belongs to it."""
_CLAUSE = re.compile(r"[;:](?!\d)|\b(?:but|however|although|though)\b", re.IGNORECASE)
_PARTS = re.compile(r";|,? \b(?:but|while|whereas|although|though|and (?=den(?:y|ies|ied)\b))\b", re.IGNORECASE)
_AND = re.compile(r"[,;]? \band\b", re.IGNORECASE)
_LIST = re.compile(r"[,;]? \band\b|,", re.IGNORECASE)
_BACK = re.compile(rf"\b(?:the|this) (?:\w+ )?({'|'.join(FACILITY_KINDS)})\b", re.IGNORECASE)
"""A facility that the text has named before."""
_UNNAMED = re.compile(rf"\b(?:the|an?|its|their|\w+['’]s) ({STRONG.pattern})(?! (?:in|at|of|near) (?-i:[A-Z]))", re.I)


_OF_A_SITE = re.compile(
    rf"\b(?:the|this) (?:compound|site|facility|installation|{'|'.join(FACILITY_KINDS)})['’]s (?:\w+ )?{CIVIL.pattern}",
    re.I,
)
"""A clinic or a school that belongs to a facility."""


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
    sentences: tuple[Sentence, ...],
    sites: tuple[SiteProposal, ...],
    published: date | None,
    head: str,
    unknown: tuple[Unknown, ...],
    towns: tuple[TownMention, ...],
) -> tuple[tuple[Assertion, ...], tuple[Unresolved, ...]]:
    """What the text says happened to a kind of object or a facility; and words that could mean two things.

    Parameters
    ----------
    head : dateline of the text, whose day is no day of an event
    unknown : facilities that the text names and the gazetteer does not know: what is said there is said of no site
    towns : that the text names: what is said of a far one is said of no site that an earlier sentence named
    """
    days = days_of(sentences, published, head)
    unknown += _headings(sentences, sites, towns)
    made: list[Assertion] = []
    unresolved: list[Unresolved] = []
    corrected, played = _corrections(sentences), _fiction(sentences)
    unresolved.extend((*played, *corrected))
    past = history(days, published)
    for sentence in sentences:
        text = sentence.text
        if BEYOND_SAVING.search(text) and made and made[-1].number == sentence.number - 1:
            made[-1] = _given_up(made[-1])
        said = _said(text)
        if not said:
            continue
        where, site_from = _sites(sentence.number, sites, unknown, past)
        near = [site for site in sites if site.facility.name in where]
        if (site_from == "the text" and _placed_elsewhere(sentence, near)) or (
            site_from != "this sentence" and _elsewhere(sentence, near, towns)
        ):
            where = ()
        tanks = (match for match in TANKS.finditer(text) if not BESIDE.search(text[: match.start()]))
        lone = [match for match in tanks if not _is_object(text, match.start())]
        oil = _holds_oil(text, [site for site in sites if site.facility.name in where])
        told = any("fuel tank" in one.kinds for one in made) and not ARMOUR.search(text)
        if lone and (oil or told):
            said = [_with_tanks(one, lone[0].group(), len(said) == 1) for one in said]
            if not oil:
                why = "taken for storage, since the text spoke of fuel tanks before; or are vehicles meant?"
                unresolved.append(Unresolved("tanks", text, why))
        elif lone:
            unresolved.append(Unresolved("tanks", text, "storage tanks or vehicles? The sentence does not say"))
            if not said[0].objects:
                continue
        if not said[0].objects and site_from != "this sentence" and not _refers_back(text, where, site_from, sites):
            unresolved.extend(
                Unresolved(match[1], text, f"said to be {said[0].what}, but the text does not say which one it is")
                for match in _UNNAMED.finditer(text)
            )
            continue
        asked = ("?",) if text.rstrip("\"'”’)»").endswith("?") else ()
        hedges = (*dict.fromkeys(match.group() for match in HEDGES.finditer(text)), *asked)
        for one in said:
            stance: Stance = "hedged" if one.stance == "asserted" and hedges else one.stance
            if stance in ("asserted", "hedged"):
                stance = "intended" if played else "denied" if corrected and WE_SAID.search(text) else stance
            kinds, written = tuple(one.objects), tuple(one.objects.values())
            dates = days_for(days, sentence, one.what, intended=one.stance == "intended")
            made.append(
                Assertion(text, sentence.number, one.what, stance, hedges, kinds, written, dates, where, site_from)
            )
    return tuple(made), tuple(unresolved)


def _corrections(sentences: tuple[Sentence, ...]) -> tuple[Unresolved, ...]:
    why = "the text takes back something that it says elsewhere; read both before you use the drafts"
    found = ((match.group(), one.text) for one in sentences if (match := CORRECTION.search(one.text)) is not None)
    return tuple(Unresolved(word, text, why) for word, text in found)


def _fiction(sentences: tuple[Sentence, ...]) -> tuple[Unresolved, ...]:
    """What to say of a text about a film or a game, in which nothing happened that it tells."""
    words = {match[1].lower(): one.text for one in sentences for match in FICTION.finditer(one.text)}
    if len(words) < MUCH_FICTION:
        return ()
    word, text = next(iter(words.items()))
    return (
        Unresolved(
            word, text, "the text seems to tell of a film, a play or a game: nothing in it is taken to have happened"
        ),
    )


def _headings(
    sentences: tuple[Sentence, ...], sites: tuple[SiteProposal, ...], towns: tuple[TownMention, ...]
) -> tuple[Unknown, ...]:
    """Towns that stand alone as a heading: what follows is said of nothing that was named before."""
    alone = {
        one.name.sentence: key(one.name.text)
        for one in towns
        if one.name.first == 0 and one.name.last == len(sentences[one.name.sentence].tokens)
    }
    return tuple(
        Unknown(name, (number,))
        for number, name in alone.items()
        if not any(number in site.sentences for site in sites)
    )


def _holds_oil(text: str, sites: list[SiteProposal]) -> bool:
    """Whether "tanks" must be storage: at a refinery or a terminal, and nothing speaks of armour."""
    return bool(sites) and all(site.facility.kind in PETROLEUM for site in sites) and not ARMOUR.search(text)


def _with_tanks(one: _Said, written: str, alone: bool) -> _Said:
    """An event with its lone "tanks" as storage; of several events only one that has no object yet."""
    if "fuel tank" in one.objects or (one.objects and not alone):
        return one
    return replace(one, objects={**one.objects, "fuel tank": written})


def _given_up(one: Assertion) -> Assertion:
    """An event whose objects the next sentence calls lost."""
    return replace(one, what="destroyed") if one.what == "damaged" and one.stance != "denied" else one


@dataclass(frozen=True, slots=True)
class _Said:
    what: What
    stance: Stance
    objects: dict[ZoneKind, str]
    """Kind → as written."""


def _said(text: str) -> list[_Said]:
    """What a sentence says: once for each of its parts that names an event and an object, else once as a whole."""
    parts = _events(_PARTS.split(text))
    if len(parts) > 1 and any(one.objects for one in parts):
        return [one for one in parts if one.objects]
    # "destroyed two tanks and damaged a hangar"; but "two tanks and a hangar were destroyed" is one event, and a "will"
    # or a scenario before the "and" is meant for what follows too
    told = not any(guard.search(text) for guard in (PRETENCE, SIMILE, INTENTION))
    for joint in (_AND, _LIST) if told else (_AND,):
        parts = _events(joint.split(text))
        if all(one.objects and one.stance == "asserted" for one in parts) and len({one.what for one in parts}) > 1:
            return parts
    event = _event(text)
    return [] if event is None else [_Said(*event, _objects(text))]


def _events(parts: list[str]) -> list[_Said]:
    """The parts that name an event."""
    return [_Said(*event, _objects(part)) for part in parts if (event := _event(part)) is not None]


def _event(text: str) -> tuple[What, Stance] | None:
    """The gravest event of a sentence that is neither denied nor intended; else the gravest at all."""
    fallback: tuple[What, Stance] | None = None
    for what, pattern in EVENTS:
        for match in pattern.finditer(text):
            clause = _CLAUSE.split(text[: match.start()])[-1]
            if SIMILE.search(clause) or (WENT.fullmatch(match.group()) and not _stood(clause)):
                continue
            if what == "intact" and UNSPARED.search(clause):
                return "damaged", "intended" if INTENTION.search(clause[-_REACH:]) else "asserted"
            before = clause[-_REACH:]
            taken_back = DENIAL.search(clause) or DENIED.search(text[match.end() :])
            if what != "intact" and (NEGATION.search(before) or taken_back):
                fallback = fallback or (what, "denied")
            elif INTENTION.search(before) or PRETENCE.search(clause):
                fallback = fallback or (what, "intended")
            else:
                return what, "asserted"
    return fallback


def _stood(clause: str) -> bool:
    """Whether what is said to be gone, or to stand, is a structure or a facility, and nobody who left."""
    near = clause[-_REACH:]
    return bool(_objects(clause) or STRONG.search(near)) and not LEAVES.search(clause)


def _elsewhere(sentence: Sentence, sites: list[SiteProposal], towns: tuple[TownMention, ...]) -> bool:
    """Whether a sentence says for itself where it is, and that is none of the sites."""
    if ELSEWHERE.search(sentence.text) or (CIVIL.search(sentence.text) and not _OF_A_SITE.search(sentence.text)):
        return True
    if _begins_elsewhere(sentence, sites):
        return True
    for mention in (one for one in towns if one.name.sentence == sentence.number):
        places = (mention.town,) if mention.town is not None else mention.candidates
        away = [distance_km(town.position, site.facility.position) for town in places for site in sites]
        if away and min(away) > FAR_KM:
            return True
    return False


def _placed_elsewhere(sentence: Sentence, sites: list[SiteProposal]) -> bool:
    """Whether a sentence before any facility is named says where it is, "near Olenivka", and no site is there."""
    known = {key(name) for site in sites for name in (*site.facility.near, *site.facility.aliases)}
    days = {word for span in find_dates(sentence.text) for word in key(span.text)}
    placed = [
        key(name.text)
        for name in names(sentence)
        if name.first
        and sentence.tokens[name.first - 1].folded in ("in", "at", "near", "outside")
        and name.last == name.first + 1
    ]
    return any(name not in known and not set(name) & days for name in placed)


def _begins_elsewhere(sentence: Sentence, sites: list[SiteProposal]) -> bool:
    """Whether a sentence begins with a place, as "In Beryslav, …", that is neither a site nor known to be near one."""
    first = next((name for name in names(sentence) if name.first == 1), None)
    if first is None or sentence.tokens[0].folded not in ("in", "at", "near", "outside"):
        return False
    tokens = sentence.tokens[1 : first.last]
    dated = any(first.text in span.text for span in find_dates(sentence.text))
    known = {key(name) for site in sites for name in (*site.facility.near, *site.facility.aliases)}
    return all(token.capital for token in tokens) and not dated and key(first.text) not in known


def _refers_back(text: str, where: tuple[str, ...], site_from: str, sites: tuple[SiteProposal, ...]) -> bool:
    """Whether "the refinery" is the one that an earlier sentence named."""
    if site_from != "an earlier sentence":
        return False
    kinds = [site.facility.kind for site in sites if site.facility.name in where]
    return any(same_kind(match[1].lower(), kind) for match in _BACK.finditer(text) for kind in kinds)


def _objects(text: str) -> dict[ZoneKind, str]:
    """Kind → as written; a kind that lies within another's words is not counted again."""
    found: dict[ZoneKind, str] = {}
    taken: list[tuple[int, int]] = []
    absent: set[ZoneKind] = set()
    for kind, pattern in OBJECTS:
        for match in pattern.finditer(text):
            if any(match.start() < end and start < match.end() for start, end in taken):
                continue
            if BESIDE.search(text[: match.start()]):
                continue
            taken.append(match.span())
            found.setdefault(kind, match.group())
            if re.search(r"\bno $", text[: match.start()], re.IGNORECASE):
                absent.add(kind)
    # "the hall stands and no bunker was ever there"; but "no hangar survived"
    return {kind: written for kind, written in found.items() if kind not in absent} or found


def _is_object(text: str, at: int) -> bool:
    return any(match.start() <= at < match.end() for _, pattern in OBJECTS for match in pattern.finditer(text))


def _sites(
    number: int, sites: tuple[SiteProposal, ...], unknown: tuple[Unknown, ...], past: frozenset[int]
) -> tuple[tuple[str, ...], Literal["this sentence", "an earlier sentence", "the text"]]:
    here = tuple(site.facility.name for site in sites if number in site.sentences)
    if here:
        return here, "this sentence"
    if any(number in one.sentences for one in unknown):
        return (), "the text"
    named = (*(one.sentences for one in sites), *(one.sentences for one in unknown))
    before = [at for numbers in named for at in numbers if at < number]
    earlier = [at for at in before if at not in past] or before
    if earlier:
        nearest = max(earlier)
        return tuple(site.facility.name for site in sites if nearest in site.sentences), "an earlier sentence"
    return (() if unknown else tuple(site.facility.name for site in sites)), "the text"
