"""The Atom feed as a reader takes it."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from changedet.watch.alerts import alerts_of
from changedet.watch.feed import LONGEST, feed, write_feed
from tests.watch.builders import look, sighting, summary

ATOM = {"a": "http://www.w3.org/2005/Atom", "g": "http://www.georss.org/georss"}


def looks() -> list:
    return [look(1, sighting(scenes=("s1",)), run="r1"), look(2, sighting(scenes=("s2",)), run="r2")]


def test_newest_first_each_with_what_a_reader_needs() -> None:
    root = ElementTree.fromstring(feed(alerts_of([summary(*looks())]), None))
    assert root.tag == f"{{{ATOM['a']}}}feed"
    for name in ("id", "title", "updated", "author/a:name"):
        assert root.findtext(f"a:{name}", namespaces=ATOM)
    assert [e.findtext("a:title", namespaces=ATOM) for e in root.findall("a:entry", ATOM)] == [
        "Tiny site: change confirmed",
        "Tiny site: change seen, not yet confirmed",
    ]
    newest = root.find("a:entry", ATOM)
    assert newest is not None
    assert newest.findtext("a:updated", namespaces=ATOM) == "2024-01-11T08:00:00Z"
    assert newest.findtext("g:point", namespaces=ATOM) == "35.000500 40.000500"
    link = newest.find("a:link", ATOM)
    assert link is not None
    assert link.get("href") == "tiny/r2/report.html"
    ids = [e.findtext("a:id", namespaces=ATOM) for e in root.findall("a:entry", ATOM)]
    assert len(set(ids)) == 2


def test_a_known_address_makes_links_whole() -> None:
    link = "https://example.org/watch/"
    text = feed(alerts_of([summary(*looks())], link), link).decode()
    assert 'href="https://example.org/watch/tiny/r2/report.html"' in text
    assert 'rel="self" href="https://example.org/watch/feed.xml"' in text


def test_names_are_text_and_characters_that_xml_lacks_are_left_out() -> None:
    nasty = look(1, sighting(), title="</title><script>alert(1)</script>\x00\x0b")
    root = ElementTree.fromstring(feed(alerts_of([summary(nasty)]), None))
    title = root.findtext("a:entry/a:title", namespaces=ATOM)
    assert title is not None
    assert title.startswith("</title><script>alert(1)</script>: change")


def test_simulated_data_says_so() -> None:
    shown = look(1, sighting(), simulated=True)
    assert "SIMULATED: Tiny site" in feed(alerts_of([summary(shown)]), None).decode()


def test_an_empty_archive_has_a_valid_feed_and_an_old_one_a_short_feed() -> None:
    assert ElementTree.fromstring(feed([], None)).find("a:entry", ATOM) is None
    many = [look(n, sighting(x=3 * n)) for n in range(1, LONGEST + 30)]
    root = ElementTree.fromstring(feed(alerts_of([summary(*many)]), None))
    assert len(root.findall("a:entry", ATOM)) == LONGEST


def test_a_feed_that_says_nothing_new_is_not_touched(tmp_path: Path) -> None:
    write_feed(tmp_path, [], None)
    before = (tmp_path / "feed.xml").stat().st_mtime_ns
    write_feed(tmp_path, [], None)
    assert (tmp_path / "feed.xml").stat().st_mtime_ns == before
