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
# # Reading the evidence
#
# What a run leaves behind is meant to be doubted. This notebook opens it with other people's tools, measures a change
# again from the stored images, and shows that a single altered bit is found. The site is simulated, and every picture
# says so.

# %%
import json
import shutil
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import rasterio
import rasterio.warp

import changedet
from changedet.simulate import Simulation, write_archive

work = Path(tempfile.mkdtemp())
archive = write_archive(work / "archive", Simulation(months=15, size_m=1400, sensors=("sentinel-2",))).parent
run = changedet.run(archive / "site.yaml", work / "out", cache=work / "cache")
print(sorted(path.name for path in run.folder.iterdir()))

# %% [markdown]
# ## What was found
#
# `detections.geojson`, `.gpkg` and `.kmz` hold the same records; QGIS and Google Earth open them.

# %%
features = json.loads((run.folder / "detections.geojson").read_text())["features"]
for feature in features:
    row = feature["properties"]
    print(f"{row['number']}: {row['kind']}, {row['area_m2']:.0f} m², p = {row['p_value']:.1g}, zone {row['zone']}")
    print(f"   after {row['onset_after'][:10]} and by {row['onset_before'][:10]}")

# %% [markdown]
# ## Changed, unchanged, not observable
#
# `change.tif` has one band for each number behind the flags. Where nothing could be seen, `changed` is NaN: missing
# data is never "no change".

# %%
with rasterio.open(run.folder / "change.tif") as opened:
    bands = dict(zip(opened.descriptions, opened.read(), strict=True))
    print(opened.crs, opened.res, list(bands))
changed = bands["changed"]
for name, share in (("changed", changed == 1), ("unchanged", changed == 0), ("not observable", np.isnan(changed))):
    print(f"{name}: {100 * share.mean():.1f} % of the site")

# %% [markdown]
# ## Measured again
#
# The images as they were compared lie in `arrays/`, as plain NumPy. The mean of the first place, date by date, needs
# nothing of changedet.

# %%
with np.load(next((run.folder / "arrays").glob("stack-0-*.npz"))) as stored:
    times, red = stored["time"], stored["red"]
first = features[0]["properties"]
with rasterio.open(run.folder / "change.tif") as opened:
    x, y = rasterio.warp.transform("EPSG:4326", opened.crs, [first["lon"]], [first["lat"]])
    row, column = opened.index(x[0], y[0])
window = red[:, row - 3 : row + 4, column - 3 : column + 4].reshape(len(times), -1)
seen = np.isfinite(window).sum(axis=1) > 25
mean = np.array([np.nanmean(values) if good else np.nan for values, good in zip(window, seen, strict=True)])

figure, axes = plt.subplots(figsize=(8, 3))
axes.plot(times[seen], mean[seen], "o-", markersize=4)
bracket = [np.datetime64(first[name][:10]) for name in ("onset_after", "onset_before")]
axes.axvspan(*bracket, color="tab:orange", alpha=0.3)
axes.set_ylabel("reflectance, red")
axes.set_title(f"Place {first['number']}, 70 m × 70 m, SIMULATED")
plt.show()

# %% [markdown]
# ## Where each pixel came from
#
# `run.json` names every input with its address and the SHA-256 of what was read; the STAC Item `item.json` links to
# each scene. Anyone can fetch the same ones.

# %%
record = json.loads((run.folder / "run.json").read_text())
scene = record["inputs"][0]
print(scene["id"], scene["time"])
print({name: asset["sha256"][:16] + "…" for name, asset in scene["assets"].items()})
item = json.loads((run.folder / "item.json").read_text())
print(sum(link["rel"] == "derived_from" for link in item["links"]), "scenes linked")

# %% [markdown]
# ## One bit
#
# `SHA256SUMS` seals the folder. We turn over one bit of a copy of the map and ask again.

# %%
from changedet.report.check import check

print(check(run.folder))
copy = work / "copy"
shutil.copytree(run.folder, copy)
content = bytearray((copy / "change.tif").read_bytes())
content[len(content) // 2] ^= 1
(copy / "change.tif").write_bytes(content)
for finding in check(copy):
    print(finding.file, finding.trouble)
