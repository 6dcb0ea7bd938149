"""``feed.xml``: the alerts of an archive as an Atom feed (RFC 4287). It follows from the archive like its page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from changedet.report.plain import iso, whole_text
from changedet.store import write_where_new
from changedet.watch.alerts import Alert

NAME = "feed.xml"
LONGEST = 200
"""Entries; older ones leave the feed and stay in the archive."""
ATOM, GEORSS = "http://www.w3.org/2005/Atom", "http://www.georss.org/georss"
NEVER = "1970-01-01T00:00:00Z"


def feed(alerts: Sequence[Alert], link: str | None) -> bytes:
    """The feed of alerts that are in order of time; newest first.

    Parameters
    ----------
    link : address of the archive, where it is known
    """
    root = ElementTree.Element("feed", {"xmlns": ATOM, "xmlns:georss": GEORSS})
    shown = list(reversed(alerts))[:LONGEST]
    _text(root, "id", f"{link.rstrip('/')}/{NAME}" if link else "urn:changedet:archive")
    _text(root, "title", "changedet: changes at watched sites")
    _text(root, "updated", iso(shown[0].time) if shown else NEVER)
    author = ElementTree.SubElement(root, "author")
    _text(author, "name", "changedet")
    if link:
        base = link.rstrip("/")
        ElementTree.SubElement(root, "link", {"rel": "self", "href": f"{base}/{NAME}"})
        ElementTree.SubElement(root, "link", {"href": f"{base}/index.html"})
    for alert in shown:
        _entry(root, alert)
    ElementTree.indent(root, " ")
    text: str = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'.encode()


def _entry(root: ElementTree.Element, alert: Alert) -> None:
    entry = ElementTree.SubElement(root, "entry")
    _text(entry, "id", f"urn:changedet:alert:{alert.key}")
    _text(entry, "title", alert.headline)
    _text(entry, "updated", iso(alert.time))
    _text(entry, "summary", f"{alert.sentence} {alert.attribution}")
    ElementTree.SubElement(entry, "category", {"term": alert.state})
    ElementTree.SubElement(entry, "link", {"href": alert.report or f"index.html#site-{alert.site}"})
    ElementTree.SubElement(entry, "georss:point").text = f"{alert.lat:.6f} {alert.lon:.6f}"


def _text(parent: ElementTree.Element, name: str, text: str) -> None:
    ElementTree.SubElement(parent, name).text = _xml(text)


def _xml(text: str) -> str:
    """Without the characters that XML 1.0 cannot hold."""
    return "".join(c for c in whole_text(text) if c in "\t\n\r" or (ord(c) >= 32 and ord(c) not in (0xFFFE, 0xFFFF)))


def write_feed(archive: Path, alerts: Sequence[Alert], link: str | None) -> None:
    """Write ``feed.xml`` whole, where it says something new.

    Raises
    ------
    OutputError
    """
    write_where_new(archive / NAME, feed(alerts, link))
