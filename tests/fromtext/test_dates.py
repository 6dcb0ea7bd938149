"""Days in sentences, with and without a day of publication."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changedet.fromtext.dates import counted_from, dateline, find_dates

WEDNESDAY = date(2025, 4, 16)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("on 12 March 2025", "2025-03-12", "2025-03-12"),
        ("on the 3rd of May, 2024", "2024-05-03", "2024-05-03"),
        ("on March 12, 2025", "2025-03-12", "2025-03-12"),
        ("on 2025-03-12", "2025-03-12", "2025-03-12"),
        ("on 03.05.2024", "2024-05-03", "2024-05-03"),
        ("in February 2024", "2024-02-01", "2024-02-29"),
        ("on 12 March", "2025-03-12", "2025-03-12"),
        ("on 12 December", "2024-12-12", "2024-12-12"),  # the latest before publication
        ("between 3 and 9 May 2024", "2024-05-03", "2024-05-09"),
        ("on the night of 30–31 December", "2024-12-30", "2024-12-31"),
        ("in 1991", "1991-01-01", "1991-12-31"),
        ("yesterday", "2025-04-15", "2025-04-15"),
        ("this week", "2025-04-14", "2025-04-16"),
        ("last week", "2025-04-07", "2025-04-13"),
        ("last month", "2025-03-01", "2025-03-31"),
        ("last year", "2024-01-01", "2024-12-31"),
        ("on Monday", "2025-04-14", "2025-04-14"),
        ("overnight", "2025-04-15", "2025-04-16"),
        ("tonight", "2025-04-15", "2025-04-16"),
        ("overnight into Friday", "2025-04-10", "2025-04-11"),
        ("the day before yesterday", "2025-04-14", "2025-04-14"),
        ("last night", "2025-04-15", "2025-04-16"),
        ("this morning", "2025-04-16", "2025-04-16"),
        ("three days ago", "2025-04-13", "2025-04-13"),
        ("two weeks ago", "2025-03-30", "2025-04-05"),
        ("Sunday night", "2025-04-13", "2025-04-13"),
        ("in Sunday's strike", "2025-04-13", "2025-04-13"),
        ("on the 12th", "2025-04-12", "2025-04-12"),
        ("on the 17th", "2025-03-17", "2025-03-17"),  # the latest before publication
        ("in early March", "2025-03-01", "2025-03-10"),
        ("in mid-January 2024", "2024-01-11", "2024-01-20"),
        ("in the middle of January", "2025-01-11", "2025-01-20"),
        ("at the end of February 2024", "2024-02-21", "2024-02-29"),
        ("in the first week of February 2024", "2024-02-01", "2024-02-07"),
        ("in the last week of March", "2025-03-25", "2025-03-31"),
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
    ("text", "day"),
    [
        ("KHARTOUM, 15 June 2023 - Fire engulfed the depot.", "2023-06-15"),
        ("DEIR EZ-ZOR, Syria (Agency) — 18 April 2025 — Troops left.", None),  # the day follows the first dash
        ("Beirut, April 18, 2025 – Troops left.", "2025-04-18"),
        ("The depot burned on 4 May 2023 – the worst fire in years.", None),
        ("Port Sudan, 6 May 2025. Tanks were hit.", "2025-05-06"),
        ("On 6 May 2025. Tanks were hit on 4 May 2025.", "2025-05-06"),
        ("Tanks burned, 6 May 2025. Nobody was hurt.", None),
        ("KHARTOUM, June 2023 - Fire.", None),
        ("KHARTOUM - Fire on 3 May 2023.", None),
        # behind a headline, and behind a title and a comma
        ("Refinery hit as militias clash\n\nTRIPOLI, 15 December 2024 (Wire) - Tanks burned.", "2024-12-15"),
        ("Two accounts of one night\n14 September 2022. The ministry said so.", "2022-09-14"),
        ("Hodeidah: update no. 17, 25 July 2024\n\n- On 20 July the port was hit.", "2024-07-25"),
        ("Tanks burned at the port on 25 July 2024\n\n- The port was hit.", None),
        ("STATEMENT ON THE FIRE\n\nBaiji, Salah al-Din Governorate, 22 July 2025. It burned.", "2025-07-22"),
        ("THE ROAD\nPart three. Published 27 September 2024 by the desk\n\nIt took weeks.", "2024-09-27"),
        ("Drill held\n\nPalma, Friday 12 September 2025 (Wire, English service)\n\nMany took part.", "2025-09-12"),
        ("The tape\n\nInterview by A. B., the Quarterly, Thursday 23 January 2025\n\nWhat happened?", "2025-01-23"),
        ("Channel, 12.07.2023, 08:14\n\nA strike on the base.", "2023-07-12"),
    ],
)
def test_a_day_of_publication_stands_between_names_and_a_dash(text: str, day: str | None) -> None:
    head = dateline(text)
    assert (None if head is None else str(head.first)) == day


@pytest.mark.parametrize(
    "text", ["They may march on.", "He sat.", "Over 12 marches.", "In 1999s it stood.", "May said no."]
)
def test_words_that_are_no_days(text: str) -> None:
    assert find_dates(text) == ()


@given(st.text(max_size=80), st.dates(date(2000, 1, 1), date(2100, 1, 1)))
def test_a_span_never_runs_backwards(text: str, published: date) -> None:
    for span in find_dates(text + " last month, on 29 February, this week", published):
        assert span.first is None or (span.last is not None and span.first <= span.last)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("Two days later a drone struck it.", "2025-04-18"),
        ("It burned the next morning.", "2025-04-17"),
        ("A day earlier it had stood.", "2025-04-15"),
        ("It burned later.", None),
    ],
)
def test_days_counted_from_another(text: str, day: str | None) -> None:
    span = counted_from(text, WEDNESDAY)
    assert (None if span is None else str(span.first)) == day
