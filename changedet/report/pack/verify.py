"""Verifies this evidence pack with Python's standard library alone: ``python3 verify.py``."""

import hashlib
import sys
from pathlib import Path

here = Path(__file__).resolve().parent
lines = (here / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
wanted = {line[66:]: line[:64] for line in lines if not line.startswith("#")}
found = {p.relative_to(here).as_posix(): p for p in here.rglob("*") if p.is_file() and p != here / "SHA256SUMS"}

troubles = [f"MISSING {name}" for name in wanted if name not in found]
troubles += [f"ADDED   {name}" for name in found if name not in wanted]
for name in sorted(wanted.keys() & found.keys()):
    if hashlib.sha256(found[name].read_bytes()).hexdigest() != wanted[name]:
        troubles.append(f"ALTERED {name}")

print("\n".join(troubles) if troubles else f"All {len(wanted)} files are as they were when the pack was made.")
print("SHA-256 of SHA256SUMS:", hashlib.sha256((here / "SHA256SUMS").read_bytes()).hexdigest())
sys.exit(1 if troubles else 0)
