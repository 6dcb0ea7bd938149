"""The evidence on disk, so that artefacts can be made again without the network.

``evidence.json`` holds all that is not a raster; how the run was made stands in ``run.json`` alone, which holds the
times of running. ``arrays/`` holds each stack, each ChangeMap and the ChangeMap of the site as ``.npz``: a zip of
``.npy`` arrays, one a variable and coordinate, that ``numpy.load`` opens as it is; the member ``dataset.json`` says
their dims and attributes. The format was chosen because it is lossless, needs no library
beyond numpy, keeps no time of writing, and cannot run code when read: object arrays are refused, texts lie in the JSON.
"""

from __future__ import annotations

import dataclasses
import json
import re
import typing
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pydantic import ConfigDict, TypeAdapter

from changedet import scratch
from changedet.errors import ContractError, InputError
from changedet.evidence import Evidence
from changedet.report.plain import json_bytes, plain
from changedet.report.public import public
from changedet.report.runfile import read_provenance
from changedet.report.zips import Archive, writing_zip
from changedet.site import DetectSpec, Site
from changedet.stack import check_change, check_stack
from changedet.values import DetectorConfig, SourceConfig

EVIDENCE_SCHEMA = "changedet-evidence-1"
FOLDER = "arrays"
_HEADER = "dataset.json"
_ELSEWHERE = ("stacks", "maps", "change", "provenance")
_KINDS = "biufMm"
_DEFLATE_LIMIT = 1032
"""Deflate cannot pack tighter than 1 : 1032; a member that claims to is a trap."""
_NPY_HEADER = 1024
"""More bytes than a npy header needs here."""
_LEVEL = 1
"""Noise in the low bits of float32 hardly packs: higher levels cost much time and win next to nothing."""
_DAMAGE = (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error, ContractError)


class StoredSource(SourceConfig):
    """The source of a stored site: a report names it but never opens it, so any key is kept as it is."""

    model_config = ConfigDict(extra="allow")


class StoredDetector(DetectorConfig):
    """The settings of a detector of a stored site, kept as they are."""

    model_config = ConfigDict(extra="allow")


def save(evidence: Evidence, folder: Path) -> tuple[Path, ...]:
    """Write ``evidence.json`` and ``arrays/*.npz``, without what ``report/public.py`` cuts.

    Raises
    ------
    OSError
        When a file cannot be written.
    """
    evidence = public(evidence)
    (folder / FOLDER).mkdir(exist_ok=True)
    stacks = {key: f"stack-{i}-{_slug(key)}.npz" for i, key in enumerate(evidence.stacks)}
    maps = {key: f"map-{i}-{_slug(key)}.npz" for i, key in enumerate(evidence.maps)}
    written = [_save_dataset(evidence.stacks[key], folder / FOLDER / name) for key, name in stacks.items()]
    written += [_save_dataset(evidence.maps[key], folder / FOLDER / name) for key, name in maps.items()]
    written.append(_save_dataset(evidence.change, folder / FOLDER / "change.npz"))
    record = {
        "schema": EVIDENCE_SCHEMA,
        "stacks": stacks,
        "maps": maps,
        "change": "change.npz",
        **{f.name: getattr(evidence, f.name) for f in dataclasses.fields(evidence) if f.name not in _ELSEWHERE},
    }
    path = folder / "evidence.json"
    path.write_bytes(json_bytes(record, exact=True))
    return path, *written


def load(folder: Path) -> Evidence:
    """The evidence of a run folder, of which ``save`` and ``runfile.write`` wrote their parts.

    Raises
    ------
    InputError
        Naming the file that is missing or damaged.
    """
    path = folder / "evidence.json"
    try:
        record = json.loads(path.read_bytes())
        if record.get("schema") != EVIDENCE_SCHEMA:
            raise ValueError(f"schema is {record.get('schema')!r}, not {EVIDENCE_SCHEMA!r}")
        hints = typing.get_type_hints(Evidence)
        values = {name: TypeAdapter(hints[name]).validate_python(record[name]) for name in _plain_fields(record)}
        site = _site(record["site"])
        names = {kind: dict(record[kind]) for kind in ("stacks", "maps")}
        change = str(record["change"])
        provenance = read_provenance(folder)
    except _DAMAGE as error:
        raise InputError(f"{path}: cannot be read as the evidence of a run ({_first_line(error)})") from error
    arrays = folder / FOLDER
    return Evidence(
        site=site,
        provenance=provenance,
        stacks={key: check_stack(_load_dataset(arrays, str(name))) for key, name in names["stacks"].items()},
        maps={key: check_change(_load_dataset(arrays, str(name))) for key, name in names["maps"].items()},
        change=check_change(_load_dataset(arrays, change)),
        **values,
    )


def _plain_fields(record: Mapping[str, object]) -> tuple[str, ...]:
    known = {f.name: f for f in dataclasses.fields(Evidence) if f.name not in (*_ELSEWHERE, "site")}
    optional = {
        name
        for name, f in known.items()
        if f.default_factory is not dataclasses.MISSING or f.default is not dataclasses.MISSING
    }
    return tuple(name for name in known if name in record or name not in optional)


def _site(record: Mapping[str, Any]) -> Site:
    detect = dict(record["detect"])
    detectors = {name: StoredDetector(**config) for name, config in detect.pop("detectors", {}).items()}
    return Site(
        **{
            **record,
            "source": StoredSource(**record["source"]),
            "detect": DetectSpec(**detect, detectors=detectors),
        }
    )


def _slug(key: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", key.lower()).strip("-")[:40]


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n", 1)[0][:200] or type(error).__name__


def _save_dataset(dataset: xr.Dataset, path: Path) -> Path:
    with writing_zip(path, _LEVEL) as archive:
        variables = {
            str(name): {
                "dims": list(variable.dims),
                "coordinate": name in dataset.coords,
                "attrs": plain(variable.attrs, exact=True),
                **_save_values(archive, str(name), variable.values),
            }
            for name, variable in dataset.variables.items()
        }
        header = {"sizes": dict(dataset.sizes), "attrs": dataset.attrs, "variables": variables}
        archive.add_bytes(_HEADER, json_bytes(header, exact=True))
    return path


def _save_values(archive: Archive, name: str, values: NDArray) -> dict[str, object]:
    """Numbers as a member; texts, which numpy would pickle, in the header."""
    if values.dtype.kind in ("O", "U"):
        return {"texts": values.tolist()}
    if values.dtype.kind not in _KINDS:
        raise TypeError(f"{name}: {values.dtype} cannot be stored")
    member = f"{name}.npy"
    with archive.member(member, values.nbytes + _NPY_HEADER) as stream:
        np.lib.format.write_array(stream, np.asarray(values, order="C"), allow_pickle=False)
    scratch.release([values])
    return {"member": member}


def _load_dataset(arrays: Path, name: str) -> xr.Dataset:
    path = arrays / name
    if not re.fullmatch(r"[a-z0-9-]+\.npz", name):
        raise InputError(f"{arrays.parent / 'evidence.json'}: {name!r} is not the name of a file in {FOLDER}")
    try:
        with zipfile.ZipFile(path) as archive:
            header = json.loads(archive.read(_HEADER))
            variables = {
                key: (key, entry, _load_values(archive, entry, header["sizes"]))
                for key, entry in header["variables"].items()
            }
        made = {key: xr.Variable(entry["dims"], values, entry["attrs"]) for key, entry, values in variables.values()}
        coords = [key for key, entry, _ in variables.values() if entry["coordinate"]]
        return xr.Dataset(made, attrs=header["attrs"]).set_coords(coords)
    except _DAMAGE as error:
        raise InputError(f"{path}: missing or damaged ({_first_line(error)}); make the run again") from error


def _load_values(archive: zipfile.ZipFile, entry: Mapping[str, Any], sizes: Mapping[str, int]) -> NDArray:
    shape = tuple(int(sizes[dim]) for dim in entry["dims"])
    if "texts" in entry:
        texts = np.empty(shape, object)
        texts[...] = np.array(entry["texts"], object).reshape(shape)
        return texts
    info = archive.getinfo(str(entry["member"]))
    with archive.open(info) as stream:
        return _read_array(stream, shape, info)


def _read_array(stream: IO[bytes], shape: tuple[int, ...], info: zipfile.ZipInfo) -> NDArray:
    """A ``.npy`` array whose header says what the dataset's header says, and no more bytes than the file can hold."""
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError(f"{info.filename}: not version 1.0 of the npy format")
    found, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    if found != shape or fortran or dtype.kind not in _KINDS:
        raise ValueError(f"{info.filename}: {dtype} {found} where the header says {shape}")
    if info.file_size > _DEFLATE_LIMIT * (info.compress_size + 1):
        raise ValueError(f"{info.filename}: claims {info.file_size} bytes from {info.compress_size}")
    content = stream.read()
    if len(content) != dtype.itemsize * int(np.prod(shape)):
        raise ValueError(f"{info.filename}: {len(content)} bytes do not fill {shape}")
    return np.frombuffer(bytearray(content), dtype).reshape(shape)
