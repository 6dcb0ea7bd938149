"""The days that a text gives, as spans; days that need the day of publication are resolved only where that is known."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

_MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_name) if number}
_MONTHS |= {name.lower(): number for number, name in enumerate(calendar.month_abbr) if number} | {"sept": 9}
_WEEKDAYS = {name.lower(): number for number, name in enumerate(calendar.day_name)}
_MONTH = "(" + "|".join(sorted(_MONTHS, key=len, reverse=True)) + r")\.?"
_NO_DATE = rf"(?!,? (?:the )?(?:\d|(?:{'|'.join(_MONTHS)})\b))"
"""After a weekday that a date follows, which says more."""
_DAY = r"(\d{1,2})(?:st|nd|rd|th)?"
_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_COUNTS = {word: number for number, word in enumerate(_NUMBERS, 1)}
_COUNT = r"\d{1,2}|an?|" + "|".join(_COUNTS)
_WEEKDAY = "|".join(_WEEKDAYS)
_SHORT_WEEKDAY = "|".join((*_WEEKDAYS, *(name.lower() for name in calendar.day_abbr)))
_HOURS = "morning|afternoon|evening|night"
_PATTERNS = (
    ("iso", re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b")),
    # with strokes it may be a month that comes first; with points it is the day
    ("dotted", re.compile(r"\b(\d{1,2})\.(\d{1,2})\.(\d{4})\b")),
    (
        "across",
        re.compile(
            rf"\b(?:between|from) {_DAY} {_MONTH}(?:,? (\d{{4}}))? (?:and|to|until) "
            rf"{_DAY} {_MONTH}(?:,? (\d{{4}}))?\b",
            re.IGNORECASE,
        ),
    ),
    ("days", re.compile(rf"\b{_DAY}(?: ?[-–] ?| and | to | or ){_DAY} {_MONTH}(?:,? (\d{{4}}))?\b", re.IGNORECASE)),
    ("day month", re.compile(rf"\b{_DAY}(?: of)? {_MONTH}(?:,? (\d{{4}}))?\b", re.IGNORECASE)),
    ("month day", re.compile(rf"\b{_MONTH} {_DAY}(?!\d)(?:,? (\d{{4}}))?\b", re.IGNORECASE)),
    (
        "part of month",
        re.compile(
            r"\b(since )?(?:the )?"
            r"(early|mid|late|(?:beginning|start|middle|end) of|(?:first|second|third|last) week (?:of|in))[ -](?:in )?"
            rf"{_MONTH}(?:,? (\d{{4}}))?(?!\w)(?! \d)",
            re.IGNORECASE,
        ),
    ),
    ("month", re.compile(rf"\b{_MONTH},? (\d{{4}})\b", re.IGNORECASE)),
    (
        "month alone",
        re.compile(rf"\b(?:in|since|during|of)[ -]{_MONTH}(?![\w.]*,? \d)(?!\w)", re.IGNORECASE),
    ),
    ("day alone", re.compile(r"\b(?:on|by|since) the (\d{1,2})(?:st|nd|rd|th)(?! of\b)\b", re.IGNORECASE)),
    ("year", re.compile(r"\b(?:in|during|since) ((?:19[789]|20[0-4])\d)\b", re.IGNORECASE)),
    ("into", re.compile(rf"\bovernight (?:in)?to (?:the )?({_WEEKDAY})\b", re.IGNORECASE)),
    (
        "relative",
        re.compile(
            r"\b(today|tonight|the day before yesterday|yesterday|(?:this|last) (?:week|month|year)|overnight|"
            r"last night|this (?:morning|afternoon|evening))\b",
            re.IGNORECASE,
        ),
    ),
    ("ago", re.compile(rf"\b({_COUNT}) (day|week)s? ago\b", re.IGNORECASE)),
    (
        "weekday",
        re.compile(
            rf"\b(?:(?:on|last|early|late|since|by) ({_WEEKDAY}){_NO_DATE}|"
            rf"({_WEEKDAY})(?=['’]s\b| (?:{_HOURS})\b))\b",
            re.IGNORECASE,
        ),
    ),
)

_EARLY, _MIDDLE, _LATE = (1, 10), (11, 20), (21, 0)
_PARTS_OF_MONTH = {
    "early": _EARLY, "beginning of": _EARLY, "start of": _EARLY, "mid": _MIDDLE, "middle of": _MIDDLE,
    "late": _LATE, "end of": _LATE,
    "first week of": (1, 7), "second week of": (8, 14), "third week of": (15, 21), "last week of": (-6, 0),
}  # fmt: skip
"""First and last day; from 0 down they count back from the last of the month."""
_LATER = re.compile(
    rf"\b(?:(?:the )?(next|following) (?:day|{_HOURS})|"
    rf"({_COUNT}) days? (later|afterwards|after that|earlier|before that))\b",
    re.IGNORECASE,
)

_SAME = re.compile(rf"\b(?:the|that) (?:very )?same (?:day|{_HOURS}|({_WEEKDAY}))\b", re.IGNORECASE)

_HEAD = re.compile(r"[\s#*]*([^\n.!?–—]{4,80}?)\s*(?:[–—]|\s-{1,2}\s|\.\s)")
_LOWER = re.compile(r"\b(?!(?:al|el|ad|an|ar|as|ash|az|ez|es|ed|de|la|do|da|di)\b)[a-z]{2,}")
_ASIDE = re.compile(r"\([^)]*\)")
"""Such as "(wire)" in a dateline."""
PUBLISHED = r"\b(?:published|posted|issued|updated|distributed|released)(?: on)?:? "
_PUBLISHED = re.compile(
    rf"{PUBLISHED}((?:{_DAY} {_MONTH}|{_MONTH} {_DAY}),? \d{{4}}|\d{{4}}-\d\d-\d\d|\d{{1,2}}\.\d{{1,2}}\.\d{{4}})",
    re.IGNORECASE,
)
DAY_OF_MONTH = re.compile(rf"{_DAY} (?:of )?{_MONTH}|{_MONTH} {_DAY}", re.IGNORECASE)
_TITLE = re.compile(
    rf"(?:,|(?<!\bon) (?:{_SHORT_WEEKDAY}),?)\s((?:{_DAY} {_MONTH}|{_MONTH} {_DAY}),? \d{{4}})[\s*_]*$", re.IGNORECASE
)
"""A full day at the end of a title, behind a comma or a weekday."""
_TITLE_LINES = 2
"""Title, and who wrote it."""
_HEAD_LINES, _HEAD_LETTERS = 5, 80
"""Lines at the top of a report among which its day may stand alone, and letters of such a line at most."""
_POSTED = re.compile(
    r"\b(?:posted|published|updated|issued|dated|of|on|by|edition|translated|from|the|broadcast|aired|at|in)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Span:
    """Days as a text gives them."""

    text: str
    """As written."""
    first: date | None
    last: date | None
    """None where the text alone does not tell: a day without a year, or "this week" without a day of publication."""


def find_dates(text: str, published: date | None = None) -> tuple[Span, ...]:
    """The spans of days in a sentence, in its order.

    Parameters
    ----------
    published : day of publication, by which "this week" and "12 March" get their year
    """
    found: list[tuple[int, int, Span]] = []
    for kind, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            if any(match.start() < end and start < match.end() for start, end, _ in found):
                continue
            days = next(_days(kind, match, published), None)
            first, last = days if days else (None, None)
            found.append((match.start(), match.end(), Span(match.group(), first, last)))
    return tuple(span for _, _, span in sorted(found, key=lambda row: row[0]))


def dateline(text: str) -> Span | None:
    """The day at the head of a report.

    As in ``KHARTOUM, 15 June 2023 - …``: names and one day, then a dash or a full stop, where one of the first lines
    begins; or on such a line by itself, with nothing beside it but names and the like of "posted", or behind the title
    and a comma, with its year. A year that is missing in the others is taken from the same day later in the text.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()][:_HEAD_LINES]
    for line in lines:
        head = _HEAD.match(line)
        if head is not None and not _LOWER.search(_ASIDE.sub("", head[1])):
            span = _one_in(head[1], text)
            if span is not None:
                return span
    for line in lines:
        for part in (re.sub(r"\s[-–—]\s.*", "", line), line, *re.split(r"\s[|·•]\s", line)):
            bare = _POSTED.sub("", _ASIDE.sub("", part)).strip("#*_ ")
            if len(bare) <= _HEAD_LETTERS and not bare.endswith((".", "!", "?")) and not _LOWER.search(bare):
                span = _one_in(bare, text)
                if span is not None:
                    return Span(line, span.first, span.last)
    return _beside_words(lines)


def _beside_words(lines: list[str]) -> Span | None:
    """The full day behind "published", or at the end of a title."""
    # the last line is the text itself
    found = [*map(_PUBLISHED.search, lines), *map(_TITLE.search, lines[:-1][:_TITLE_LINES])]
    for match in filter(None, found):
        for span in find_dates(match[1]):
            if span.first is not None:
                return Span(match[1], span.first, span.last)
    return None


def _one_in(head: str, text: str) -> Span | None:
    """The one day of a headline, its year from the rest of the text if need be."""
    days = [span for span in find_dates(head) if any(c.isdigit() for c in span.text)]
    if len(days) != 1:
        return None
    (day,) = days
    if day.first is None:
        same = [span for span in find_dates(text) if span.first is not None and _same_day(span, day)]
        if not same:
            return None
        day = same[0]
    return Span(" ".join(head.split()), day.first, day.last) if day.first == day.last else None


def _same_day(known: Span, bare: Span) -> bool:
    """Whether a day with a year is one that was given without."""
    if known.first is None or known.first != known.last:
        return False
    return any(known.first == span.first for span in find_dates(f"{bare.text} {known.first.year}"))


def _days(kind: str, match: re.Match[str], published: date | None) -> Iterator[tuple[date, date]]:
    """What a pattern found, as days; nothing where the day of publication is needed and not known."""
    if kind == "iso":
        yield from _one_day(int(match[1]), int(match[2]), int(match[3]))
    elif kind == "dotted":
        yield from _one_day(int(match[3]), int(match[2]), int(match[1]))
    elif kind in ("day month", "month day"):
        day, month = (match[1], match[2]) if kind == "day month" else (match[2], match[1])
        year = int(match[3]) if match[3] else _year_before(published, _MONTHS[month.lower()], int(day))
        if year is not None:
            yield from _one_day(year, _MONTHS[month.lower()], int(day))
    elif kind == "days":
        month, last = _MONTHS[match[3].lower()], int(match[2])
        year = int(match[4]) if match[4] else _year_before(published, month, last)
        # there is no year 0: of an unknown year both days are left out
        ends = [day for number in (int(match[1]), last) for day, _ in _one_day(year or 0, month, number)]
        if len(ends) == 2 and ends[0] <= ends[1]:
            yield ends[0], ends[1]
    elif kind == "across":
        yield from _across(match, published)
    elif kind == "year":
        yield date(int(match[1]), 1, 1), date(int(match[1]), 12, 31)
    elif kind in ("month", "month alone", "part of month"):
        yield from _of_a_month(kind, match, published)
    elif published is not None and kind == "day alone":
        day, month_before = int(match[1]), published.replace(day=1) - timedelta(days=1)
        month = published if day <= published.day else month_before
        yield from _one_day(month.year, month.month, day)
    elif published is not None:
        yield _from_publication(kind, match, published)


def _of_a_month(kind: str, match: re.Match[str], published: date | None) -> Iterator[tuple[date, date]]:
    part = kind == "part of month"
    month = _MONTHS[match[3 if part else 1].lower()]
    given = None if kind == "month alone" else match[4 if part else 2]
    year = int(given) if given else published.year - (month > published.month) if published else None
    for first, last in () if year is None else _month(year, month):
        if not part:
            yield first, last
            continue
        days = _PARTS_OF_MONTH[match[2].lower().replace("week in", "week of")]
        since, until = (first + timedelta(days=day - 1) if day > 0 else last + timedelta(days=day) for day in days)
        # "since the middle" counts from the middle itself
        yield since.replace(day=15) if days == _MIDDLE and match[1] else since, until


def _from_publication(kind: str, match: re.Match[str], published: date) -> tuple[date, date]:
    if kind == "relative":
        return _relative(match[1].lower(), published)
    if kind == "ago":
        weeks = match[2].lower() == "week"
        middle = published - timedelta(days=_count(match[1]) * (7 if weeks else 1))
        about = timedelta(days=3 if weeks else 0)
        return middle - about, min(middle + about, published)
    named = match[1] if kind == "into" else match[1] or match[2]
    day = published - timedelta(days=(published.weekday() - _WEEKDAYS[named.lower()]) % 7)
    return day - timedelta(days=kind == "into"), day


def _count(word: str) -> int:
    return int(word) if word.isdigit() else _COUNTS.get(word.lower(), 1)


def the_same(text: str, told: Span) -> Span | None:
    """The days of ``the same night``, or of ``the same Sunday`` where what was told is one."""
    match = _SAME.search(text)
    if match is None or told.first is None or told.last is None:
        return None
    days = [told.first, told.last]
    if match[1] and all(day.weekday() != _WEEKDAYS[match[1].lower()] for day in days):
        return None
    return Span(match.group(), told.first, told.last)


def counted_from(text: str, day: date) -> Span | None:
    """The day that a sentence counts from another: ``two days later``, ``the next morning``."""
    match = _LATER.search(text)
    if match is None:
        return None
    days = 1 if match[1] else _count(match[2])
    back = match[3] is not None and match[3].lower().startswith(("earlier", "before"))
    other = day + timedelta(days=-days if back else days)
    return Span(match.group(), other, other)


def _across(match: re.Match[str], published: date | None) -> Iterator[tuple[date, date]]:
    """``between 28 March and 2 April``: the year of one end serves the other."""
    first, last = (_MONTHS[match[2].lower()], int(match[1])), (_MONTHS[match[5].lower()], int(match[4]))
    year = match[6] or match[3]
    until = int(year) if year else _year_before(published, *last)
    if until is None:
        return
    since = int(match[3]) if match[3] else until - (first > last)
    for begin, _ in _one_day(since, *first):
        for end, _ in _one_day(until, *last):
            if begin <= end:
                yield begin, end


def _one_day(year: int, month: int, day: int) -> Iterator[tuple[date, date]]:
    try:
        yield date(year, month, day), date(year, month, day)
    except ValueError:
        return


def _month(year: int, month: int) -> Iterator[tuple[date, date]]:
    for first, _ in _one_day(year, month, 1):
        yield first, date(year, month, calendar.monthrange(year, month)[1])


def _year_before(published: date | None, month: int, day: int) -> int | None:
    """The year that makes a day without one the latest not after publication."""
    if published is None:
        return None
    return published.year if (month, day) <= (published.month, published.day) else published.year - 1


def _relative(word: str, published: date) -> tuple[date, date]:
    if word in ("overnight", "last night", "tonight"):
        return published - timedelta(days=1), published
    if word in ("today", "yesterday", "the day before yesterday", "this morning", "this afternoon", "this evening"):
        day = published - timedelta(days=("yesterday" in word) + ("before" in word))
        return day, day
    which, unit = word.split()
    if unit == "week":
        monday = published - timedelta(days=published.weekday() + (7 if which == "last" else 0))
        return monday, min(published, monday + timedelta(days=6))
    if unit == "month":
        day = published.replace(day=1) - timedelta(days=1) if which == "last" else published
        first, last = next(_month(day.year, day.month))
        return first, min(published, last)
    year = published.year - (which == "last")
    return date(year, 1, 1), min(published, date(year, 12, 31))
