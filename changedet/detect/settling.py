"""Settles a reference period, and scans the windows that follow it. ``settled.py`` says what is kept."""

from __future__ import annotations

import hashlib

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from changedet.detect import kernels
from changedet.detect.blocks import Block, load, rows_of_block
from changedet.detect.ground import colour
from changedet.detect.kernels import Booleans
from changedet.detect.machine import Config, Machine
from changedet.detect.residuals import fit_baseline, take_baseline
from changedet.detect.settled import Out, Settled

VERSION = 6
"""To be raised whenever the same reference would be settled otherwise than before."""


def key_of(stack: xr.Dataset, reference: NDArray, config: Config) -> str:
    """Of all that a settled reference follows from, the pixels of its stack aside."""
    ids = "\n".join(str(scene) for scene in stack.scene_id.values[reference])
    said = f"{VERSION}\n{config.model_dump_json(exclude={'placebos', 'rows'})}\n{ids}"
    return hashlib.sha256(said.encode()).hexdigest()


def may_settle(machine: Machine) -> bool:
    """Whether the stack is a reference and the window after it, and nothing else."""
    before, after = len(machine.reference), len(machine.window)
    every = np.concatenate([machine.reference, machine.window])
    return before + after == len(machine.times) and bool((every == np.arange(before + after)).all())


def settle(machine: Machine) -> Settled:
    """Scan the reference."""
    dates, height, width = machine.planes[0].shape
    bands, pixels, known = len(machine.planes), height * width, len(machine.reference)
    settled = Settled(
        np.ascontiguousarray(machine.surroundings.line[:, :known]),
        machine.whiten,
        np.zeros((5 * bands + 2, pixels), np.float32),
        tuple(np.empty((2 + bands, pixels), np.float32) for _ in machine.scales),
        np.empty(pixels, np.int32),
        np.zeros((bands, 0 if machine.log else pixels), np.float32),
    )
    planes = tuple(plane[:known] for plane in machine.planes)
    rows = rows_of_block(bands, dates, width, machine.halo)
    for top in range(0, height, rows):
        first, end = max(top - machine.halo, 0), min(top + rows, height)
        block = load(planes, (first, min(end + machine.halo, height)), machine.log)
        _settle_rows(machine, settled, block, ((top - first) * width, top * width, end * width))
    return settled


def _settle_rows(machine: Machine, settled: Settled, block: Block, place: tuple[int, int, int]) -> None:
    """Fill the pixels from ``place[1]`` to ``place[2]``, which begin at ``place[0]`` in the block."""
    begin, a, e = place
    inner = slice(begin, begin + e - a)
    width, size, reference = machine.planes[0].shape[2], block[0].shape[2], machine.reference
    if settled.colour.size:
        settled.colour[:, a:e] = colour(block, reference)[:, inner]
    fitted = np.zeros((len(settled.fitted), size), np.float32)
    line, knots = settled.line, machine.surroundings.knots
    season = machine.season[: len(reference)]
    fit_baseline(*block, reference, (season, line, knots, machine.least(reference)), fitted)
    take_baseline(*block, season, line, fitted)
    settled.fitted[:, a:e] = fitted[:, inner]
    for i, work in machine.smoothed(block, width):
        out = np.empty((2 + len(block[0]), size), np.float32), np.empty(size, np.int32)
        kernels.settle(work, block[1], reference, machine.whiten[i], machine.rules, out)
        settled.numbers[i][:, a:e], settled.last[a:e] = out[0][:, inner], out[1][inner]


def scan_window(machine: Machine, settled: Settled, rows: tuple[int, int]) -> tuple[list[Out], Booleans]:
    """What ``kernels.scan`` fills, by scale, for some rows, and where dates are valid: of the window alone."""
    known, (_, height, width) = len(machine.reference), machine.planes[0].shape
    first, last = max(rows[0] - machine.halo, 0), min(rows[1] + machine.halo, height)
    block = load(tuple(plane[known:] for plane in machine.planes), (first, last), machine.log)
    size, around = block[0].shape[2], slice(first * width, last * width)
    fitted = _padded(settled.fitted[:, around], size)
    take_baseline(*block, machine.season[known:], machine.surroundings.line[:, known:], fitted)
    found: dict[int, Out] = {}
    latest = _padded(settled.last[None, around], size)[0]
    places = (np.arange(len(machine.window), dtype=np.int32), machine.ends(machine.window))
    for i, work in machine.smoothed(block, width):
        whiten, numbers = machine.whiten[i], _padded(settled.numbers[i][:, around], size)
        out, pole = machine.out(i, size, len(machine.window)), machine.pole(i)
        kernels.scan_window(work, block[1], places, (numbers, latest), whiten, pole, machine.rules, out)
        found[i] = out
    return [found[i] for i in range(len(machine.scales))], block[1] > 0


def _padded(values: NDArray, size: int) -> NDArray:
    """Behind each row zeros, to the length of a block."""
    padded = np.zeros((len(values), size), values.dtype)
    padded[:, : values.shape[1]] = values
    return padded
