"""Which facilities of the gazetteer a text names: a name alone is not a place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from changedet.fromtext.gazetteer import Facility, Gazetteer
from changedet.fromtext.towns import NEARBY_KM, Name, Setting, distance_km, names
from changedet.fromtext.vocabulary import (
    BETWEEN_NAME_AND_KIND,
    FACILITY_KINDS,
    MODIFIERS,
    NAMED,
    SPEECH,
    STARTERS,
    STRONG,
    TITLES,
    same_kind,
)
from changedet.fromtext.words import ARTICLES, Sentence, key, skeleton

LEAST_SOUNDS = 5
REACH = 7
"""Words between a name and its facility word, as in "Conoco and Al-Omar oil and gas fields"."""
_BETWEEN = MODIFIERS | ARTICLES | {"and", "or"}
_LINKS = frozenset({"of", "at", "in", "near", "called", "named", "known", "as", "the", "both"})
_PLACED = frozenset({"at", "near", "inside", "outside", "around"})


@dataclass(frozen=True, slots=True)
class Unresolved:
    """Something in the text that a person must decide."""

    text: str
    """As written."""
    sentence: str
    reason: str
    candidates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SiteProposal:
    """A facility that the text is taken to mean."""

    facility: Facility
    written: tuple[str, ...]
    """The spellings in the text."""
    sentences: tuple[int, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unknown:
    """A facility that the text names and the gazetteer does not know."""

    name: tuple[str, ...]
    """Its name without the facility word, folded."""
    sentences: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Mention:
    name: Name
    candidates: tuple[Facility, ...]
    word: str | None
    """The facility word that goes with the name; None where there is none."""
    full: bool
    """Whether the full name stands there, facility word included."""


def find_facilities(
    sentences: tuple[Sentence, ...], gazetteer: Gazetteer, where: Setting
) -> tuple[tuple[SiteProposal, ...], tuple[Unresolved, ...], tuple[Unknown, ...]]:
    """The facilities that the text names, those that it may name but leaves open, and those that are not known."""
    proposals: dict[str, SiteProposal] = {}
    unresolved: list[Unresolved] = []
    unknown: dict[tuple[str, ...], list[int]] = {}
    doubtful: dict[tuple[str, ...], list[int]] = {}
    index = _index(gazetteer)
    town_spans = {(mention.name.sentence, mention.name.first) for mention in where.towns}
    for sentence in sentences:
        taken: set[int] = set()
        bare: list[tuple[Name, Unresolved]] = []
        for mention in _mentions(sentence, index):
            answer = _decide(mention, sentence, (where, tuple(one.facility for one in proposals.values())))
            if isinstance(answer, Unresolved):
                # a town's name is not a facility of the same name, and needs no remark
                if mention.word is None and (sentence.number, mention.name.first) not in town_spans:
                    bare.append((mention.name, answer))
                elif mention.word is not None:
                    unresolved.append(answer)
                    doubtful.setdefault(key(mention.name.text), []).append(sentence.number)
                    taken.update(range(mention.name.first, mention.name.last))
                continue
            taken.update(range(mention.name.first, mention.name.last))
            facility, reason = answer
            old = proposals.get(facility.name)
            proposals[facility.name] = SiteProposal(
                facility,
                tuple(dict.fromkeys((*(old.written if old else ()), mention.name.text))),
                tuple(dict.fromkeys((*(old.sentences if old else ()), sentence.number))),
                tuple(dict.fromkeys((*(old.reasons if old else ()), reason))),
            )
        found = dict(_unknown(sentence, taken, where))
        for name, one in found.items():
            unknown.setdefault(name, []).append(sentence.number)
            unresolved.append(one)
        # "the Baiji thermal power plant" is a facility, whatever else of that name is known
        for written, answer in bare:
            if key(written.text) not in found:
                unresolved.append(answer)
                doubtful.setdefault(key(written.text), []).append(sentence.number)
    elsewhere = _named_again(unknown, sentences)
    left = _without_named(tuple(dict.fromkeys(unresolved)), proposals)
    spelled = {key(one.text) for one in left}
    elsewhere += tuple(Unknown(name, tuple(numbers)) for name, numbers in doubtful.items() if name in spelled)
    return tuple(proposals.values()), left, elsewhere


def _named_again(named: Mapping[tuple[str, ...], list[int]], sentences: tuple[Sentence, ...]) -> tuple[Unknown, ...]:
    """With the later sentences that call them by their names alone: "at al-Ward"."""
    again: dict[tuple[str, ...], set[int]] = {name: set(numbers) for name, numbers in named.items()}
    for sentence in sentences:
        for name in map(key, (one.text for one in names(sentence))):
            if name in named and sentence.number > named[name][0]:
                again[name].add(sentence.number)
    return tuple(Unknown(name, tuple(sorted(numbers))) for name, numbers in again.items())


def _without_named(unresolved: tuple[Unresolved, ...], proposals: dict[str, SiteProposal]) -> tuple[Unresolved, ...]:
    """Leave out another spelling of a facility that the text names, and a bare name of it."""
    return tuple(
        one
        for one in unresolved
        if not (one.reason.startswith("a name without") and set(one.candidates) & set(proposals))
        and not (one.candidates and set(one.candidates) <= set(proposals))
    )


@dataclass(frozen=True, slots=True)
class _Index:
    """The facilities by how their names are spelled and how they sound."""

    spelled: Mapping[tuple[str, ...], tuple[Facility, ...]]
    sounds: Mapping[str, tuple[Facility, ...]]
    """Only names of two words and more: the consonants of one word are too few to tell names apart."""


def _index(gazetteer: Gazetteer) -> _Index:
    spelled: dict[tuple[str, ...], tuple[Facility, ...]] = {}
    sounds: dict[str, tuple[Facility, ...]] = {}
    for facility in gazetteer.facilities:
        for alias in facility.aliases:
            folded, sound = key(alias), skeleton(alias)
            spelled[folded] = tuple(dict.fromkeys((*spelled.get(folded, ()), facility)))
            if len(folded) > 1 and len(sound) >= LEAST_SOUNDS:
                sounds[sound] = tuple(dict.fromkeys((*sounds.get(sound, ()), facility)))
    return _Index(spelled, sounds)


def _mentions(sentence: Sentence, index: _Index) -> Iterator[_Mention]:
    reached = 0
    for name in names(sentence):
        if name.first < reached or sentence.tokens[name.last - 1].folded in ARTICLES:
            continue
        folded = key(name.text)
        found = index.spelled.get(folded, ())
        if not found and len(folded) > 1:
            found = index.sounds.get(skeleton(name.text), ())
        if found:
            reached = name.last
            full = any(key(facility.name) == folded for facility in found)
            word = folded[-1] if folded[-1] in FACILITY_KINDS else _facility_word(sentence, name)
            word = word or _said_later(sentence, name, found)
            yield _Mention(name, found, word, full)


def _facility_word(sentence: Sentence, name: Name) -> str | None:
    """The facility word after the name ("Conoco and Al-Omar oil fields") or before it ("the refinery at Baiji")."""
    tokens = sentence.tokens
    if _is_person(sentence, name):
        return None
    begin = _after_aside(sentence, name)
    for at in range(begin, min(begin + REACH, len(tokens))):
        if set(sentence.gap(at - 1)) - set(" ,-–'’/):" if at == begin else " ,-–'’/"):
            break
        token = tokens[at]
        if token.folded in FACILITY_KINDS:
            return token.folded
        if not (token.capital or token.folded in _BETWEEN):
            break
    for at in range(name.first - 1, max(-1, name.first - 5), -1):
        if set(sentence.gap(at)) - set(" ,-–'’\"“‘("):
            break
        if tokens[at].folded in FACILITY_KINDS:
            return tokens[at].folded
        if tokens[at].folded not in _LINKS:
            break
    return None


def _after_aside(sentence: Sentence, name: Name) -> int:
    """The token after a name and what stands behind it in brackets: "Conoco (Deir ez-Zor): gas plant"."""
    at = name.last
    if at < len(sentence.tokens) and "(" in sentence.gap(at - 1):
        while at < len(sentence.tokens) and ")" not in sentence.gap(at - 1):
            at += 1
    return at if at < len(sentence.tokens) else name.last


def _said_later(sentence: Sentence, name: Name, found: tuple[Facility, ...]) -> str | None:
    """The facility word further on, of the name of a place: "At Conoco nothing burned: the plant's mast stood"."""
    tokens = sentence.tokens
    if not name.first or tokens[name.first - 1].folded not in _PLACED or _is_person(sentence, name):
        return None
    for at in range(name.last + 1, len(tokens)):
        word, article = tokens[at].folded, tokens[at - 1].folded
        kind = FACILITY_KINDS.get(word, "") if article in ("the", "its") else ""
        if kind and any(same_kind(word, facility.kind) for facility in found):
            return word
    return None


def _is_person(sentence: Sentence, name: Name) -> bool:
    """Whether the words around make the name a person's: "Ahmad al-Omar", "Dr Omar", "Omar said"."""
    tokens = sentence.tokens
    after = tokens[name.last].folded if name.last < len(tokens) else ""
    previous = tokens[name.first - 1] if name.first else None
    if after in SPEECH or (previous is not None and previous.folded in TITLES):
        return True
    if previous is not None and previous.folded in FACILITY_KINDS:
        return False
    joined = previous is not None and previous.capital and set(sentence.gap(name.first - 1)) <= {" "}
    return joined and name.first > 1 and after not in FACILITY_KINDS and after not in MODIFIERS


def _decide(
    mention: _Mention, sentence: Sentence, around: tuple[Setting, tuple[Facility, ...]]
) -> tuple[Facility, str] | Unresolved:
    """``around``: the setting of the text, and the facilities that it has named before."""
    where, before = around
    written, listed = mention.name.text, tuple(facility.name for facility in mention.candidates)
    alone = mention.full or any(
        facility.standalone or key(written) in map(key, facility.unmistakable) for facility in mention.candidates
    )
    if mention.word is None and not alone:
        reason = (
            "a name without a facility word (field, plant, refinery, …) beside it; it may be a person, company or town"
        )
        return Unresolved(written, sentence.text, reason, listed)
    scored = sorted(
        ((*_support(facility, sentence.number, where, before), facility) for facility in mention.candidates),
        key=lambda row: -row[0],
    )
    kinds = [
        (score + same_kind(mention.word or "", facility.kind), score, why, facility) for score, why, facility in scored
    ]
    supported = sorted((row for row in kinds if row[1] > 0), key=lambda row: -row[0])
    if supported:
        _, _, why, facility = supported[0]
        reason = ""
        if len(supported) > 1 and supported[0][0] == supported[1][0]:
            reason = "several facilities fit equally well"
        elif _other_kind(mention.word, facility.kind):
            reason = f"the text says {mention.word}, and the gazetteer knows a {facility.kind}"
        if reason:
            return Unresolved(written, sentence.text, reason, listed)
        return facility, _reason(mention, facility, why)
    return _unsupported(mention, sentence, where)


def _unsupported(mention: _Mention, sentence: Sentence, where: Setting) -> tuple[Facility, str] | Unresolved:
    """The facility for which no other place in the text speaks."""
    written, listed = mention.name.text, tuple(facility.name for facility in mention.candidates)
    here = where.by_sentence[sentence.number] or tuple(where.towns_of(sentence.number))
    if mention.full and len(mention.candidates) == 1 and len(key(written)) > 2 and not here:
        why = "the full name, though the text names no place near it; check that it is meant"
        return mention.candidates[0], _reason(mention, mention.candidates[0], why)
    if len(mention.candidates) == 1 and mention.candidates[0].standalone and mention.word is not None:
        (only,) = mention.candidates
        if FACILITY_KINDS.get(mention.word, "") and same_kind(mention.word, only.kind):
            why = "the only place of this name and kind that is known, though the text speaks of no place near it"
            return only, _reason(mention, only, f"{why}; check that it is meant")
    spoken = {*where.countries, *(mention.town.country for mention in where.towns if mention.town is not None)}
    there = [facility for facility in mention.candidates if facility.country in spoken]
    if len(there) == 1 and not _other_kind(mention.word, there[0].kind):
        why = f"the text speaks of places in {there[0].country}, none of them near; check that it is meant"
        return there[0], _reason(mention, there[0], why)
    if spoken:
        known = "; ".join(f"{facility.name} in {facility.country}" for facility in mention.candidates)
        return Unresolved(
            written,
            sentence.text,
            f"the text speaks of {', '.join(sorted(spoken))}, but the gazetteer knows {known}",
            listed,
        )
    fitting = [facility for facility in mention.candidates if same_kind(mention.word or "", facility.kind)]
    if len(fitting) == 1:
        why = "the text names no country or town; no other facility of the gazetteer fits, so check that it is meant"
        return fitting[0], _reason(mention, fitting[0], why)
    return Unresolved(written, sentence.text, "the text names no country or town to choose by", listed)


def _reason(mention: _Mention, facility: Facility, why: str) -> str:
    said = f"named {mention.name.text!r} with {mention.word!r}" if mention.word else f"named {mention.name.text!r}"
    if mention.word and not same_kind(mention.word, facility.kind):
        said += f" (the gazetteer says {facility.kind})"
    return f"{said}; {why}"


_PLAIN_KINDS = ("power plant", "dam", "refinery")
"""Kinds that no text gives to a facility of another kind."""


def _other_kind(word: str | None, kind: str) -> bool:
    return FACILITY_KINDS.get(word or "", "") in _PLAIN_KINDS and not same_kind(word or "", kind)


def _support(facility: Facility, sentence: int, where: Setting, before: tuple[Facility, ...]) -> tuple[float, str]:
    """How much the rest of the text speaks for this facility, and in what words."""
    score, reasons = 0.0, []
    for other in before:
        far = distance_km(other.position, facility.position)
        if other != facility and far <= NEARBY_KM:
            score += 2.0
            reasons.append(f"{other.name}, which the text names, is {far:.0f} km away")
    for mention, numbers in where.places:
        far = min((distance_km(town.position, facility.position) for town in mention.candidates), default=1e9)
        meant = mention.town is None or distance_km(mention.town.position, facility.position) <= NEARBY_KM
        if far <= NEARBY_KM and meant:
            score += sum(3.0 if number == sentence else 2.0 for number in numbers)
            reasons.append(f"{mention.name.text} is {far:.0f} km away")
    here, there = where.by_sentence[sentence].get(facility.country, 0), where.countries.get(facility.country, 0)
    if there:
        score += min(2.0, 2 * here) + min(1.0, there)
        reasons.append(f"the text speaks of {facility.country}")
    return score, "; ".join(dict.fromkeys(reasons))


def _unknown(sentence: Sentence, taken: set[int], where: Setting) -> Iterator[tuple[tuple[str, ...], Unresolved]]:
    """Facilities that the text names or places somewhere, but the gazetteer does not know; each with its bare name."""
    tokens = sentence.tokens
    found = [*STRONG.finditer(sentence.text), *NAMED.finditer(sentence.text)]
    for number, match in enumerate(found):
        if any(match.start() < other.end() and other.start() < match.end() for other in found[:number]):
            continue
        first = next(i for i, token in enumerate(tokens) if token.end > match.start())
        last = next(i for i, token in enumerate(tokens) if token.end >= match.end()) + 1
        begin = first = _before_modifiers(sentence, first)
        while begin > 0 and not set(sentence.gap(begin - 1)) - set(" -'’"):
            article = tokens[begin - 1].folded in ARTICLES and sentence.gap(begin - 1) == "-"
            numbered = tokens[begin - 1].text.isdigit() and begin > 1 and tokens[begin - 2].capital
            if not (tokens[begin - 1].capital or article or numbered):
                break
            begin -= 1
        while begin < first and tokens[begin].folded in STARTERS and sentence.gap(begin) == " ":
            begin += 1
        near = set(range(max(0, first - 3), min(last + 4, len(tokens))))
        # "Police stations were …" begins a sentence and names none
        bare_start = match.re is NAMED and begin == 0 and first == 1
        if begin < first and not bare_start and not taken & set(range(max(0, begin - 3), first)):
            text = sentence.text[tokens[begin].start : match.end()]
            bare = sentence.text[tokens[begin].start : tokens[first - 1].end]
            reason = "a facility that the gazetteer does not know; add it to your gazetteer.csv"
            yield key(bare), Unresolved(text, sentence.text, reason)
        elif begin == first and match.re is STRONG and not taken & near:
            in_town = [one for one in where.towns_of(sentence.number) if last <= one.name.first <= last + 3]
            if not in_town and (name := _place_after(sentence, last)) is not None:
                text = sentence.text[match.start() : tokens[name.last - 1].end]
                reason = "a facility at a place that is not known; find it on a map and add it to your gazetteer.csv"
                yield key(name.text), Unresolved(text, sentence.text, reason)
            for mention in in_town:
                text = sentence.text[match.start() : tokens[mention.name.last - 1].end]
                reason = "a facility placed by its town only; find it on a map and add it to your gazetteer.csv"
                listed = _town_list(mention.town, mention.candidates)
                yield key(mention.name.text), Unresolved(text, sentence.text, reason, listed)


def _before_modifiers(sentence: Sentence, first: int) -> int:
    """The token behind a name: "Baiji thermal" before "power plant" names it as well as "Baiji" would."""
    at = first
    while at > 1 and sentence.tokens[at - 1].folded in BETWEEN_NAME_AND_KIND and set(sentence.gap(at - 2)) <= set(" -"):
        at -= 1
    return at if at < first and sentence.tokens[at - 1].capital else first


def _place_after(sentence: Sentence, last: int) -> Name | None:
    """The name in "radar station at Ochakiv"."""
    tokens = sentence.tokens
    if last + 1 >= len(tokens) or tokens[last].folded not in ("at", "in", "of", "near"):
        return None
    if set(sentence.gap(last - 1)) != {" "} or set(sentence.gap(last)) != {" "}:
        return None
    found = [name for name in names(sentence) if name.first == last + 1]
    return next((name for name in found if all(t.capital for t in tokens[name.first : name.last])), None)


def _town_list(town: object, candidates: tuple[object, ...]) -> tuple[str, ...]:
    return tuple(str(one) for one in ((town,) if town is not None else candidates[:4]))
