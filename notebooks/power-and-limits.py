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
# # Power and limits
#
# "Nothing was found" says little until one knows what would have been found. This notebook asks how small an object may
# be, and how few the images, before its loss goes unseen. The site is simulated, and every picture says so.

# %%
import tempfile
from datetime import date
from pathlib import Path

import matplotlib.pyplot as plt

import changedet

# %% [markdown]
# ## A pixel is larger than it looks
#
# A pixel of Sentinel-2 is 10 m wide, but its lens blurs: light of one point arrives in several pixels. A round object
# of 10 m is only a small part of what its own pixel measures; the rest is ground.
# %%
from changedet.objects.shapes import fill_of_disc, geometric_limit
from changedet.simulate import Event, Simulation, building, write_archive

for diameter in (3, 5, 10, 20, 40, 80):
    print(f"{diameter:3d} m across: {100 * fill_of_disc(diameter):3.0f} % of the measurement is the object")
print(f"a mast below {geometric_limit('mast'):.0f} m across is answered without reading a pixel")

# %% [markdown]
# ## Six buildings
#
# Buildings of 6 to 30 m, with metal roofs a little brighter than the ground. Of each size one is demolished on 1 March
# 2022 and one stays. The claim says that all six were.

# %%
SIZES = (6, 12, 30)
gone = [building(f"gone-{size}", (-300 + 300 * i, 250), (size, size)) for i, size in enumerate(SIZES)]
kept = [building(f"kept-{size}", (-300 + 300 * i, -250), (size, size)) for i, size in enumerate(SIZES)]
world = Simulation(
    seed=3,
    months=18,
    size_m=1600,
    sensors=("sentinel-2",),
    decoys=False,
    structures=(*gone, *kept),
    events=(Event("loss", "Loss", "demolish", tuple(one.id for one in gone), date(2022, 3, 1)),),
)
work = Path(tempfile.mkdtemp())
archive = write_archive(work / "archive", world).parent

# %% [markdown]
# The simulator claims what is really gone; the others lie 500 m further south.

# %%
text = (archive / "claim.yaml").read_text()
claimed, _ = changedet.load_claim(archive / "claim.yaml")
more = []
for one in claimed.objects:
    ring = ", ".join(f"[{lon}, {lat - 500 / 110_900}]" for lon, lat in one.polygon)
    more += [f"  - name: {one.name.replace('gone', 'kept')}", f"    kind: {one.kind}", f"    polygon: [{ring}]"]
six = archive / "six.yaml"
six.write_text(text + "\n".join(more) + "\n")
run = changedet.verify(six, work / "out", cache=work / "cache")

# %%
verdicts = {verdict.subject: verdict for verdict in run.verdicts}


def shown(value: float | None) -> str:
    """Two digits, or a dash where nothing was measured."""
    return "–" if value is None else f"{value:.2f}"


print(f"{'object':10} {'verdict':13} {'p_intact':>8} {'power':>6}")
for name, verdict in verdicts.items():
    why = "; ".join(verdict.reasons)
    print(f"{name:10} {verdict.outcome:13} {shown(verdict.p_intact):>8} {shown(verdict.power):>6}  {why}")

# %% [markdown]
# Read the power first: how often the loss of such a building, put into the images of other places, was found. Where it
# is high, silence is an answer, and a building that stands is *contradicted*. Where it is below 0.9, silence is
# *inconclusive*: a loss may still be seen by luck, but that none was seen says little.

# %%
figure, axes = plt.subplots(figsize=(8, 3.4))
for name, marker in (("gone", "o"), ("kept", "s")):
    power = [verdicts[f"{name}-{size}"].power for size in SIZES]
    points = [(size, value) for size, value in zip(SIZES, power, strict=True) if value is not None]
    axes.plot(*zip(*points, strict=True), marker=marker, label=name)
axes.axhline(0.9, color="grey", linewidth=0.8)
axes.set_xlabel("metres across")
axes.set_ylabel("power")
axes.set_ylim(0, 1.05)
axes.legend()
axes.set_title("From which size silence is an answer, SIMULATED")
plt.show()

# %% [markdown]
# ## Fewer days
#
# The same claim of the last days of the archive. There is hardly an image from after them, so that nothing can be
# said of the buildings that stand. Those that are gone went earlier, which the images know well enough.

# %%
from changedet.answer import object_verdict
from changedet.objects.assess import assess
from changedet.objects.finding import Question
from changedet.site import Period

claim, _ = changedet.load_claim(six)
site = claim.watched()
last = site.after.last
window = Period(first=last.replace(day=20), last=last)
question = Question("destroyed", window, changedet.Periods(site.before, site.after))
findings, _ = assess(claim.objects, question, run.evidence.stacks, with_limit=False)
for finding in findings:
    verdict = object_verdict(finding, "destroyed", window, None)
    print(f"{verdict.subject}: {verdict.outcome} {'; '.join(verdict.reasons)}")
