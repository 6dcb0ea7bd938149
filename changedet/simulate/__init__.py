"""A simulated archive with known events, written as real COGs and a static STAC catalogue.

The demo and the tests travel the very same way as real scenes: ``write_archive`` leaves a folder with ``catalog.json``,
``site.yaml`` and ``truth.geojson``.
"""

from __future__ import annotations

from changedet.simulate.archive import write_archive
from changedet.simulate.facility import Event, Structure, building, mast, pad, tank
from changedet.simulate.scenario import Simulation

__all__ = ["Event", "Simulation", "Structure", "building", "mast", "pad", "tank", "write_archive"]
