"""Which days each sentence of a text speaks of."""

from __future__ import annotations

import re
from datetime import date, timedelta

from changedet.fromtext.dates import DAY_OF_MONTH, PUBLISHED, Span, counted_from, find_dates, the_same
from changedet.fromtext.vocabulary import PRETENCE, VISIT, What
from changedet.fromtext.words import Sentence

HEAD_SENTENCES = 4
"""At the top of a text, among which its dateline stands."""
_POSTED = re.compile(rf"{PUBLISHED}$", re.IGNORECASE)
_PLACED_HEAD = re.compile(r"(?!\w+day\b)[^\W\d_]{3,}.*,")
"""A dateline that begins with a place; one of a day alone, further down, is that of what follows."""
HALF_A_YEAR = timedelta(days=182)
LONGEST_INHERITED = 31
"""Days of a span that a later sentence takes over."""


def days_of(sentences: tuple[Sentence, ...], published: date | None, head: str) -> tuple[tuple[Span, ...], ...]:
    """The days of each sentence; those that it counts from the last one that was told."""
    found: list[tuple[Span, ...]] = []
    told: date | None = None
    night: Span | None = None
    for one in sentences:
        placed = one.number < HEAD_SENTENCES and _PLACED_HEAD.match(head) is not None
        text = one.text.removeprefix(head) if one.number == 0 or placed else one.text
        spans = find_dates(text, published) if published is not None else _of_that_year(find_dates(text), told)
        if not spans and night is not None and (same := the_same(one.text, night)) is not None:
            spans = (same,)
        elif not spans and told is not None and (counted := counted_from(one.text, told)) is not None:
            spans = (counted,)
        if one.number < HEAD_SENTENCES:
            spans = tuple(s for s in spans if not _POSTED.search(one.text.partition(s.text)[0]))
        night = next((span for span in reversed(spans) if span.first is not None and _length(span) <= 1), night)
        told = next((span.first for span in reversed(spans) if span.first == span.last), told)
        found.append(spans)
    return tuple(found)


def _of_that_year(spans: tuple[Span, ...], told: date | None) -> tuple[Span, ...]:
    """Days without a year, where the text has no day of publication: those nearest to the last one that it dates."""
    if told is None:
        return spans
    dated = (
        find_dates(span.text, told + HALF_A_YEAR) if span.first is None and DAY_OF_MONTH.search(span.text) else (span,)
        for span in spans
    )
    return tuple(next(iter(found), span) for found, span in zip(dated, spans, strict=True))


def days_for(days: tuple[tuple[Span, ...], ...], sentence: Sentence, what: What, *, intended: bool) -> tuple[Span, ...]:
    """The days of a sentence, else those of the nearest one before it; a year there is history, not a day.

    The day on which somebody looked is no day of what he found broken; and what is still to come has no day before.
    """
    here = days[sentence.number]
    if what != "intact":
        here = tuple(span for span in here if not VISIT.search(sentence.text.partition(span.text)[0]))
    if here or (intended and not PRETENCE.search(sentence.text)):
        return here
    for given in reversed(days[: sentence.number]):
        near = tuple(span for span in given if span.first is None or _length(span) <= LONGEST_INHERITED)
        if near:
            return near
    return ()


def history(days: tuple[tuple[Span, ...], ...], published: date | None) -> frozenset[int]:
    """The sentences that speak of former years alone: a facility that they compare with is not the one of the next."""
    return frozenset(
        number
        for number, spans in enumerate(days)
        if published is not None
        and spans
        and all(
            span.last is not None and span.last.year < published.year and _length(span) > LONGEST_INHERITED
            for span in spans
        )
    )


def _length(span: Span) -> int:
    return (span.last - span.first).days if span.first is not None and span.last is not None else 0
