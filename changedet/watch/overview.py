"""Placeholder."""

from __future__ import annotations

from pathlib import Path

from changedet.watch.ledger import Summary
from changedet.watch.status import Checked


def write_overview(archive: Path, known: list[Summary], checked: list[Checked]) -> None:
    """Placeholder."""
