# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A first site
#
# From a site file to a composite, step by step, on a simulated archive: every pixel below is computed from random
# numbers, and every picture says so. With a real archive only the line `catalog:` of the site file changes.

# %%
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import changedet
from changedet.simulate import Simulation, write_archive

work = Path(tempfile.mkdtemp())
catalogue = write_archive(work / "archive", Simulation(months=12, size_m=1600))

# %% [markdown]
# The archive is a static STAC catalogue of cloud-optimised GeoTIFFs, as real archives are. Beside it lies a site file.

# %%
site_file = catalogue.parent / "site.yaml"
print(site_file.read_text())

# %%
site = changedet.load_site(site_file)
source = changedet.open_source(site, site_file.parent)
scenes = changedet.find_scenes(site, source)
print(f"{len(scenes)} scenes, from {scenes[0].time:%d %b %Y} to {scenes[-1].time:%d %b %Y}")

# %% [markdown]
# Only the windows over the site are fetched; the cache keeps them, so that a second run reads nothing again.

# %%
geobox = changedet.site_geobox(site.ring, site.resolution)
store = changedet.Store(work / "cache")
acquired = changedet.fetch_scenes(scenes, source, geobox, store)
stacks = changedet.build_stacks(acquired, geobox)
for key, stack in stacks.items():
    print(key, dict(stack.sizes))

# %% [markdown]
# Clouds off, dates onto one grid to a fraction of a pixel.

# %%
ready = changedet.prepare_stacks(stacks, site)
for scene, reason in ready.dropped:
    print(scene, reason)

# %%
periods = changedet.Periods(site.before, site.after)
maps, change, notes = changedet.detect_changes(ready.stacks, periods, site.detect)
detections = changedet.find_detections(change, ready.stacks, maps, site, site.detect.false_alarm_rate)
for found in detections:
    print(f"{found.number}: {found.kind}, {found.area:.0f} m², p = {found.p_value:.2g}, zone {found.zone}")
    print(f"   changed after {found.onset.after:%d %b %Y} and not later than {found.onset.before:%d %b %Y}")

# %% [markdown]
# The same in one call, with all its artefacts: `changedet.run(site_file, out)`. Here the evidence is gathered, and the
# report written from it.

# %%
evidence = changedet.gather(site, site_file.parent, store, datetime.now(UTC))
folder = work / "run"
folder.mkdir()
files = changedet.write_report(evidence, folder)
print(sorted(path.name for path in files))

# %%
from IPython.display import Image

Image(filename=str(folder / "composite-web.png"))
