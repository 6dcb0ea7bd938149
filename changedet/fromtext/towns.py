"""Which countries and towns a text speaks of, and which of several towns of one name it means."""

from __future__ import annotations

import calendar
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from changedet.fromtext.gazetteer import LEAST_LETTERS, Gazetteer, Town
from changedet.fromtext.vocabulary import (
    ACTORS,
    DEMONYMS,
    DIRECTIONS,
    FACILITY_KINDS,
    LOCATIVE,
    PLACE_WORDS,
    STREETS,
    TITLES,
)
from changedet.fromtext.words import ARTICLES, Sentence, fold, key, skeleton, words

LONGEST = 5
"""Words in a place name at most."""
NEARBY_KM = 150.0
SAME_KM = 15.0
FAR_LARGER = 20
"""A town this many times larger than the next of its name is meant where nothing else decides."""
LARGE = 100_000
_NONE_THERE = "no town"
_ONLY = "the only town of this name known"
_BY_COUNTRY = "of several towns of this name, the one in a country that the text names"
SEVERAL = 3
"""Towns that speak for a country of which the text does not speak otherwise."""
METROPOLIS = 500_000
"""Towns as large as this are named in reports on other countries."""
_JOINTS = frozenset(" -\u2010\u2011\u2013'’`ʿ.")
_MONTHS = frozenset(name.lower() for name in calendar.month_name if name)
_COLOURS = words("green red black white blue yellow grey gray orange")
_DAYS = frozenset(name.lower() for name in calendar.day_name)
_STARTERS = words(
    "most of same both many nice police march split reading mobile orange bath man born best along here there they "
    "local this that these those what who why how and but for when while since after before"
)


@dataclass(frozen=True, slots=True)
class Name:
    """A stretch of a sentence that may be a name."""

    sentence: int
    first: int
    """Index of its first token."""
    last: int
    """Index after its last token."""
    text: str


@dataclass(frozen=True, slots=True)
class TownMention:
    """A town as named, what it may be, and what it is taken to be."""

    name: Name
    candidates: tuple[Town, ...]
    town: Town | None
    """None where the text leaves it open."""
    reason: str


@dataclass(frozen=True, slots=True)
class Setting:
    """Where a text is set."""

    countries: Mapping[str, float]
    """ISO code → weight, over the text: 1 for each mention that places something there."""
    by_sentence: tuple[Mapping[str, float], ...]
    towns: tuple[TownMention, ...]
    places: tuple[tuple[TownMention, tuple[int, ...]], ...]
    """The same without repetition: the first mention of each, and the numbers of all sentences that name it."""

    def towns_of(self, sentence: int) -> Iterator[TownMention]:
        """The towns that one sentence names."""
        return (mention for mention in self.towns if mention.name.sentence == sentence)


def distance_km(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Great-circle distance of two longitude, latitude pairs (haversine, mean radius)."""
    (lon1, lat1), (lon2, lat2) = ((math.radians(x), math.radians(y)) for x, y in (a, b))
    h = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * 6371.0 * math.asin(math.sqrt(min(1.0, h)))


def names(sentence: Sentence) -> Iterator[Name]:
    """Every stretch of up to ``LONGEST`` joined words that begins with a capital, longest first at each place."""
    tokens = sentence.tokens
    for first, token in enumerate(tokens):
        joined = first + 1 < len(tokens) and sentence.gap(first) == "-" and tokens[first + 1].capital
        # "at Conoco" is no name, but "al-Omar" and "Al Omar" are
        if token.folded in ARTICLES and not (joined or token.text in ("Al", "El")):
            continue
        if not (token.capital or joined):
            continue
        ends = [first + 1]
        while len(ends) < LONGEST and ends[-1] < len(tokens) and set(sentence.gap(ends[-1] - 1)) <= _JOINTS:
            ends.append(ends[-1] + 1)
        for last in reversed(ends):
            text = sentence.text[token.start : tokens[last - 1].end]
            yield Name(sentence.number, first, last, text)


def setting(sentences: tuple[Sentence, ...], gazetteer: Gazetteer) -> Setting:
    """The countries and towns that a text names."""
    by_sentence = tuple(_countries(sentence, gazetteer) for sentence in sentences)
    total: dict[str, float] = {}
    for weights in by_sentence:
        for code, weight in weights.items():
            total[code] = total.get(code, 0) + weight
    sounds = _sounds(gazetteer)
    found = [mention for sentence in sentences for mention in _towns(sentence, gazetteer, sounds)]
    for code in _of_lone_towns(found):
        total.setdefault(code, 0.5)
    towns = tuple(_decide(mention, by_sentence[mention.name.sentence], total) for mention in found)
    towns = tuple(_by_neighbours(mention, towns) for mention in towns)
    towns = tuple(_among(mention, towns) for mention in towns)
    towns = _unless_unknown_there(towns)
    same: dict[tuple[str, tuple[Town, ...], Town | None], list[TownMention]] = {}
    for mention in towns:
        same.setdefault((mention.name.text, mention.candidates, mention.town), []).append(mention)
    places = tuple((group[0], tuple(one.name.sentence for one in group)) for group in same.values())
    return Setting(total, by_sentence, towns, places)


def _unless_unknown_there(towns: tuple[TownMention, ...]) -> tuple[TownMention, ...]:
    """Leave open a name that the text once places where no such town is known, as "Palma, Mozambique"."""
    reasons = {key(one.name.text): one.reason for one in towns if one.reason.startswith(_NONE_THERE)}
    found = ((one, reasons.get(key(one.name.text))) for one in towns)
    return tuple(one if reason is None else replace(one, town=None, reason=reason) for one, reason in found)


def _of_lone_towns(mentions: list[TownMention]) -> Iterator[str]:
    """The countries in which several towns lie that the text names and whose names no other town has."""
    lone: dict[str, set[Town]] = {}
    for one in mentions:
        if len(one.candidates) == 1 and key(one.candidates[0].name) == key(one.name.text):
            lone.setdefault(one.candidates[0].country, set()).add(one.candidates[0])
    return (code for code, towns in lone.items() if len(towns) >= SEVERAL)


def _among(mention: TownMention, towns: tuple[TownMention, ...]) -> TownMention:
    """Leave open a lone town of its name where all others that the text names lie in one other country."""
    if mention.town is None or mention.reason != _ONLY or mention.town.population >= METROPOLIS:
        return mention
    others = {(one.town.name, one.town.country) for one in towns if one.town is not None and one.town != mention.town}
    countries = {country for _, country in others}
    if len(others) < 2 or len(countries) != 1 or mention.town.country in countries:
        return mention
    reason = f"{_ONLY} is in {mention.town.country}, and the other towns of the text are in {countries.pop()}"
    return TownMention(mention.name, mention.candidates, None, reason)


def _by_neighbours(mention: TownMention, towns: tuple[TownMention, ...]) -> TownMention:
    """Choose the one candidate that lies near what other names of the text can only be.

    Two such names outweigh a country that is named somewhere else in the text.
    """
    chosen = mention.town
    if len(mention.candidates) < 2 or (chosen is not None and mention.reason != _BY_COUNTRY):
        return mention
    first = mention.candidates[0]
    if chosen is None and all(distance_km(first.position, t.position) <= SAME_KM for t in mention.candidates):
        return TownMention(mention.name, mention.candidates, first, "all entries of this name lie together")
    near: dict[Town, set[str]] = {}
    for other in towns:
        if key(other.name.text) == key(mention.name.text):
            continue
        sure = (other.town,) if other.town is not None else other.candidates
        for town in mention.candidates:
            if all(distance_km(town.position, there.position) <= NEARBY_KM for there in sure):
                near.setdefault(town, set()).add(other.name.text)
    if len(near) != 1:
        return mention
    ((town, beside),) = near.items()
    if chosen is not None and len(beside) < 2:
        return mention
    return TownMention(mention.name, mention.candidates, town, f"the one that lies near {', '.join(sorted(beside))}")


def _before(sentence: Sentence, first: int, count: int) -> list[str]:
    return [token.folded for token in sentence.tokens[max(0, first - count) : first]]


def _placed(sentence: Sentence, first: int) -> bool:
    """Whether the words before a name place something there: "in eastern …", "…, X"."""
    before = _before(sentence, first, 4)
    while before and before[-1] in DIRECTIONS:
        if before[-1] != "the":
            return True
        before.pop()
    gap = sentence.gap(first - 1) if first > 0 else ""
    beside = "(" in gap or ("," in gap and sentence.tokens[first - 1].capital)
    return beside or bool(before and before[-1] in LOCATIVE - {"by"})


def _countries(sentence: Sentence, gazetteer: Gazetteer) -> dict[str, float]:
    weights: dict[str, float] = {}
    reached = 0
    for name in names(sentence):
        if name.first < reached:
            continue
        after = sentence.tokens[name.last].folded if name.last < len(sentence.tokens) else ""
        folded = key(name.text)
        code = gazetteer.countries.get(folded)
        if code is None and folded in gazetteer.states and _placed(sentence, name.first):
            code = "US"
        if code is not None:
            reached = name.last
            if after not in ACTORS and _placed(sentence, name.first):
                weights[code] = weights.get(code, 0) + 1.0
        elif (code := DEMONYMS.get(" ".join(folded))) is not None and after not in ACTORS:
            weights[code] = weights.get(code, 0) + 0.5
    return weights


_Sounds = Mapping[str, tuple[Town, ...]]


def _towns(sentence: Sentence, gazetteer: Gazetteer, sounds: _Sounds) -> Iterator[TownMention]:
    reached = 0
    for name in names(sentence):
        folded = key(name.text)
        if name.first < reached or sentence.tokens[name.last - 1].folded in ARTICLES:
            continue
        if sentence.tokens[name.last - 1].folded in PLACE_WORDS and folded not in gazetteer.towns:
            continue
        state = folded in gazetteer.states and name.first > 0 and "," in sentence.gap(name.first - 1)
        if state or folded in gazetteer.countries:
            reached = name.last
            continue
        candidates = gazetteer.towns.get(folded) or (sounds.get(skeleton(name.text), ()) if len(folded) > 1 else ())
        if not candidates or not _names_a_town(sentence, name, candidates):
            continue
        reached = name.last
        apposed = _apposed(sentence, name.last, gazetteer, {town.country for town in candidates})
        kept = tuple(town for town in candidates if apposed and _lies_in(town, apposed))
        if apposed and not kept:
            reason = f"{_NONE_THERE} {name.text} of at least 15,000 people is known in {apposed[0]}"
            yield TownMention(name, candidates, None, reason)
        elif kept:
            yield TownMention(name, candidates, kept[0], f"the text says that it is in {apposed[0] if apposed else ''}")
        else:
            yield TownMention(name, candidates, None, "")


def _sounds(gazetteer: Gazetteer) -> _Sounds:
    """The towns and provinces beside facilities of the gazetteer, found whatever their transliteration."""
    sounds: dict[str, tuple[Town, ...]] = {}
    for near in (near for facility in gazetteer.facilities for near in facility.near):
        if len(key(near)) > 1 and len(skeleton(near)) >= LEAST_LETTERS:
            sounds[skeleton(near)] = gazetteer.towns.get(key(near), ())
    return sounds


def _names_a_town(sentence: Sentence, name: Name, candidates: tuple[Town, ...]) -> bool:
    """Whether the words around say that this is a place; a lone capital word may be anything."""
    tokens = sentence.tokens
    after = tokens[name.last].folded if name.last < len(tokens) else ""
    if after in PLACE_WORDS:
        return fold(name.text) not in _MONTHS | DIRECTIONS | _COLOURS
    # "Enguri dam" is not Ankara, though that was once spelled so
    another = after in FACILITY_KINDS and all(key(town.name) != key(name.text) for town in candidates)
    if another or fold(name.text) in _MONTHS | DIRECTIONS | _COLOURS or after in STREETS:
        return False
    previous = tokens[name.first - 1] if name.first else None
    if previous is not None and (previous.folded in TITLES or (previous.capital and _joined(sentence, name.first))):
        return False
    if name.last < len(tokens) and tokens[name.last].capital and set(sentence.gap(name.last - 1)) <= {" "}:
        # "in Ras Isa" is not the town of Ras
        dated = tokens[name.last].folded in _MONTHS | _DAYS
        return dated and name.first > 0 and _placed(sentence, name.first)
    if name.first == 0:
        word = fold(name.text)
        return len(key(name.text)) > 1 or (
            word not in _STARTERS and key(candidates[0].name) == key(name.text) and candidates[0].population >= LARGE
        )
    placed = _placed(sentence, name.first) or (previous is not None and previous.folded in ("and", "or"))
    return placed or len(key(name.text)) > 1


def _joined(sentence: Sentence, first: int) -> bool:
    return first > 0 and set(sentence.gap(first - 1)) <= {" "} and sentence.tokens[first - 1].folded not in LOCATIVE


def _apposed(
    sentence: Sentence, last: int, gazetteer: Gazetteer, countries: Collection[str]
) -> tuple[str, str, str] | None:
    """The country (or state) said right after a name: its name, country code, state code.

    Parameters
    ----------
    countries : in which towns of that name lie; "Georgia" after Tbilisi is no state
    """
    tokens = sentence.tokens
    at = last
    while at < len(tokens) and at < last + 4 and tokens[at].folded in (DIRECTIONS | PLACE_WORDS | {"in", "of"}):
        at += 1
    if at >= len(tokens) or not all(set(sentence.gap(i)) <= set(" ,(") for i in range(last - 1, at)):
        return None
    for end in range(min(at + 3, len(tokens)), at, -1):
        text = sentence.text[tokens[at].start : tokens[end - 1].end]
        folded = key(text)
        if folded in gazetteer.states and ("US" in countries or folded not in gazetteer.countries):
            return text, "US", gazetteer.states[folded]
        if folded in gazetteer.countries:
            return text, gazetteer.countries[folded], ""
    return None


def _lies_in(town: Town, apposed: tuple[str, str, str]) -> bool:
    return town.country == apposed[1] and (not apposed[2] or town.region == apposed[2])


def _decide(mention: TownMention, local: Mapping[str, float], total: Mapping[str, float]) -> TownMention:
    """Choose among towns of one name by the countries that the text names; leave it open where they do not decide."""
    if mention.town is not None or mention.reason:
        return mention
    candidates = mention.candidates
    weights = {town.country: 2 * local.get(town.country, 0) + total.get(town.country, 0) for town in candidates}
    best = max(weights.values())
    leaders = [code for code, weight in weights.items() if weight == best]
    if best > 0 and len(leaders) == 1:
        return _in_country(mention, leaders[0], bool(local.get(leaders[0])))
    if len(candidates) == 1 and total and candidates[0].population < METROPOLIS:
        there = ", ".join(sorted(total))
        reason = f"the only town of this name known is in {candidates[0].country}, and the text speaks of {there}"
        return TownMention(mention.name, candidates, None, reason)
    if len(candidates) == 1:
        return TownMention(mention.name, candidates, candidates[0], _ONLY)
    if best == 0 and candidates[0].population >= FAR_LARGER * candidates[1].population:
        reason = f"the text does not say which of {len(candidates)}; this one is by far the largest"
        return TownMention(mention.name, candidates, candidates[0], reason)
    return TownMention(
        mention.name, candidates, None, f"{len(candidates)} towns of this name, and the text does not say which"
    )


def _in_country(mention: TownMention, country: str, here: bool) -> TownMention:
    """The town in a country that the text names, and ``here`` the very sentence; open where a far larger one has it."""
    candidates = mention.candidates
    town = next(town for town in candidates if town.country == country)
    largest = max(candidates, key=lambda one: one.population)
    if not here and largest.population >= max(METROPOLIS, FAR_LARGER * town.population):
        reason = f"{town} and the far larger {largest} have this name, and the text does not say which"
        return TownMention(mention.name, candidates, None, reason)
    only = "the only town of this name known, in a country that the text names"
    return TownMention(mention.name, candidates, town, only if len(candidates) == 1 else _BY_COUNTRY)
