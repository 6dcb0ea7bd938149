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
# # Verifying a claim
#
# A newspaper writes that tanks and a mast were demolished. Did they disappear, between which two images, and could a
# free satellite have shown it at all? Here the site is simulated: every pixel is computed from random numbers, and
# every picture says so. With a real archive only the line `catalog:` of the site file changes.

# %%
import json
import tempfile
from datetime import date
from pathlib import Path

import changedet
from changedet.simulate import Event, Simulation, mast, tank, write_archive

work = Path(tempfile.mkdtemp())
world = Simulation(
    seed=5,
    months=18,
    size_m=1600,
    sensors=("sentinel-2",),
    structures=(tank("north-tank", (0, 150), 40), tank("south-tank", (0, -150), 40), mast("mast", (150, -300))),
    events=(Event("loss", "North tank", "demolish", ("north-tank",), date(2022, 3, 1)),),
)
archive = write_archive(work / "archive", world).parent

# %% [markdown]
# ## The claim
#
# A claim file holds the sentence as it was published, where, the site, and each object with its outline. `changedet
# sites from-text` drafts such files from an article; a person corrects them. This one was written by the simulator.
# It is true of the north tank, and nobody can tell of the mast.

# %%
claim_file = archive / "claim.yaml"
text = claim_file.read_text()
print(text[:620])

# %% [markdown]
# We add a tank that still stands, as a reporter might who was told of "the tanks".

# %%
lines = text.splitlines()
named = next(i for i, line in enumerate(lines) if "name: north-tank" in line)
south = changedet.load_claim(claim_file)[0].objects[0].model_copy(update={"name": "south-tank"})
ring = [[lon, lat - 300 / 110_900] for lon, lat in south.polygon]  # 300 m further south
lines += [
    "  - name: south-tank",
    "    kind: fuel tank",
    f"    polygon: {json.dumps(ring)}",
    "    note: It is 300 m south of the other.",
]
claim_file.write_text("\n".join(lines) + "\n")
claim, _ = changedet.load_claim(claim_file)
for one in claim.objects:
    print(f"{one.name}: {one.kind}, {one.diameter:.0f} m across")

# %% [markdown]
# ## Before anything is spent
#
# `plan` asks the catalogue alone: how many clear dates may be expected, and which objects 10 m pixels can show. No
# pixel is read.

# %%
print("\n".join(changedet.plan(claim_file).lines()))

# %% [markdown]
# ## The answer

# %%
run = changedet.verify(claim_file, work / "out", cache=work / "cache")
for verdict in run.verdicts:
    print(f"{verdict.outcome.upper()}: {verdict.sentence}")
    if verdict.needed:
        print(f"    what would settle it: {verdict.needed}")

# %% [markdown]
# Each word is explained in `docs/explanation/verdicts.md`. The figures behind it: how often unchanged places look so
# changed (`p_intact`), how often a really lost tank would look so unchanged (`p_claimed`), and how often such a loss
# would be found here (`power`).

# %%
for verdict in run.verdicts:
    if verdict.p_intact is not None:
        print(
            f"{verdict.subject}: p_intact {verdict.p_intact:.4f}, p_claimed {verdict.p_claimed:.3f}, "
            f"power {verdict.power:.2f}, compared with {len(verdict.controls)} places"
        )

# %% [markdown]
# The run folder holds the page to send on (`report.html`), the pictures to print, and all that is needed to check them.

# %%
from IPython.display import Image

print(sorted(path.name for path in run.folder.iterdir()))
Image(filename=str(run.folder / "composite-web.png"))
