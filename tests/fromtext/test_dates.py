"""Days in sentences, with and without a day of publication."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changedet.fromtext.dates import find_dates

WEDNESDAY = date(2025, 4, 16)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("on 12 March 2025", "2025-03-12", "2025-03-12"),
        ("on the 3rd of May, 2024", "2024-05-03", "2024-05-03"),
        ("on March 12, 2025", "2025-03-12", "2025-03-12"),
        ("on 2025-03-12", "2025-03-12", "2025-03-12"),
        ("in February 2024", "2024-02-01", "2024-02-29"),
        ("on 12 March", "2025-03-12", "2025-03-12"),
        ("on 12 December", "2024-12-12", "2024-12-12"),  # the latest before publication
        ("yesterday", "2025-04-15", "2025-04-15"),
        ("this week", "2025-04-14", "2025-04-16"),
        ("last week", "2025-04-07", "2025-04-13"),
        ("last month", "2025-03-01", "2025-03-31"),
        ("last year", "2024-01-01", "2024-12-31"),
        ("on Monday", "2025-04-14", "2025-04-14"),
        ("overnight", "2025-04-15", "2025-04-16"),
    ],
)
def test_days(text: str, first: str, last: str) -> None:
    (span,) = find_dates(f"It burned {text}, they said.", WEDNESDAY)
    assert (str(span.first), str(span.last)) == (first, last)


@pytest.mark.parametrize("text", ["12 March", "this week", "yesterday", "on Monday", "31 February 2025", "2025-02-30"])
def test_what_the_text_alone_does_not_tell_stays_open(text: str) -> None:
    (span,) = find_dates(f"It burned {text}.")
    assert (span.first, span.last) == (None, None)


@pytest.mark.parametrize(
    "text", ["They may march on.", "He sat.", "Over 12 marches.", "In 1999 it stood.", "May said no."]
)
def test_words_that_are_no_days(text: str) -> None:
    assert find_dates(text) == ()


@given(st.text(max_size=80), st.dates(date(2000, 1, 1), date(2100, 1, 1)))
def test_a_span_never_runs_backwards(text: str, published: date) -> None:
    for span in find_dates(text + " last month, on 29 February, this week", published):
        assert span.first is None or (span.last is not None and span.first <= span.last)
