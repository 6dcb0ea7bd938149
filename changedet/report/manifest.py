"""``SHA256SUMS``: the digest of every file of a run folder but its own, written last.

``sha256sum -c SHA256SUMS`` verifies it. The last line, a comment to that tool, is the digest of the lines above, so
that damage to the manifest itself shows. This finds accidents and edits; it cannot stop someone who rewrites the files
and the manifest together. Against that, publish :func:`digest` (one line) where others can see it, or sign it.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path

from changedet.errors import ContractError, InputError
from changedet.store import sha256_of, write_bytes

NAME = "SHA256SUMS"
_ENTRY = re.compile(r"([0-9a-f]{64})  ([^\x00-\x1f\x7f\\]+)")
_TRAILER = "# sha256 of the lines above: "


def seal(folder: Path) -> Path:
    """Write the manifest of everything that lies in ``folder``; nothing may be written there afterwards.

    Raises
    ------
    OutputError
        When it cannot be written.
    ContractError
        When a file is a link or has a name that a line cannot hold.
    """
    names = files(folder)
    for name in names:
        if (folder / name).is_symlink() or not _ENTRY.fullmatch(f"{'0' * 64}  {name}"):
            raise ContractError(f"{folder}: {name!r} is a link or has a name that no manifest can hold")
    path = folder / NAME
    write_bytes(path, manifest_bytes({name: sha256_of(folder / name) for name in names}))
    return path


def files(folder: Path) -> tuple[str, ...]:
    """Paths of all files and links below ``folder`` but the manifest, relative, with ``/``, in order."""
    found = []
    for root, folders, names in os.walk(folder):
        links = [name for name in folders if Path(root, name).is_symlink()]
        found += [Path(root, name).relative_to(folder).as_posix() for name in (*names, *links)]
    return tuple(sorted(name for name in found if name != NAME))


def manifest_bytes(digests: Mapping[str, str]) -> bytes:
    """The one way to write these digests, by path."""
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items()))
    return f"{lines}{_TRAILER}{hashlib.sha256(lines.encode()).hexdigest()}\n".encode()


def read(folder: Path) -> Mapping[str, str]:
    """Digest by path.

    Raises
    ------
    InputError
        When the manifest is missing, or not byte for byte what :func:`seal` writes.
    """
    path = folder / NAME
    try:
        content = path.read_bytes()
        lines = content.decode().split("\n")[:-2]
    except FileNotFoundError as error:
        raise InputError(f"{path}: is missing; {folder} is not a finished run folder, or it was removed") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as a manifest ({error})") from error
    digests: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        entry = _ENTRY.fullmatch(line)
        if entry is None:
            raise InputError(f"{path}: line {number} is not a digest and a path; the manifest was altered")
        digests[entry[2]] = entry[1]
    if manifest_bytes(digests) != content:
        raise InputError(f"{path}: does not match its own last line; the manifest was altered")
    return digests


def digest(folder: Path) -> str:
    """SHA-256 of the manifest: one number for the whole run, to publish or to sign."""
    return sha256_of(folder / NAME)
