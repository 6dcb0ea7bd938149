"""An object store on loopback, and workers that reach it."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import fsspec
from moto.server import ThreadedMotoServer


@dataclass(frozen=True)
class Bucket:
    """A bucket of an S3 server on this machine."""

    name: str
    environment: dict[str, str]

    @property
    def address(self) -> str:
        return f"s3://{self.name}"

    def files(self, below: str) -> dict[str, bytes]:
        """All objects below a name, by the rest of theirs."""
        fs = fsspec.filesystem("s3", skip_instance_cache=True, use_listings_cache=False)
        root = f"{self.name}/{below}"
        contents: dict[str, bytes] = fs.cat(fs.find(root)) if fs.find(root) else {}
        return {path[len(root) + 1 :]: content for path, content in contents.items()}

    def save(self, below: str, folder: Path) -> Path:
        """The same as files of a folder."""
        for name, content in self.files(below).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return folder


@contextmanager
def bucket() -> Iterator[Bucket]:
    """Of a server in a thread of this process."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        with _made(server.get_host_and_port()[1]) as made:
            yield made
    finally:
        server.stop()


@contextmanager
def served() -> Iterator[Bucket]:
    """Of a server in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _wait_for(port)
            with _made(port) as made:
                yield made
        finally:
            server.kill()


def _wait_for(port: int) -> None:
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError("the server does not answer")


@contextmanager
def _made(port: int) -> Iterator[Bucket]:
    with TemporaryDirectory() as folder:
        # in a file, as the guide says: boto3, which the server needs, costs rasterio's warp a session for each raster
        # where the key stands in the environment
        key = Path(folder) / "credentials"
        key.write_text("[default]\naws_access_key_id = nobody\naws_secret_access_key = nothing\n")
        environment = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_SHARED_CREDENTIALS_FILE": str(key),
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        with patch.dict(os.environ, environment):
            # the buckets of a server in a thread live as long as the process
            made = Bucket(f"watched-{secrets.token_hex(4)}", environment)
            fsspec.filesystem("s3", skip_instance_cache=True).mkdir(made.name)
            yield made


CALM = {
    "distributed.admin.system-monitor.interval": "2s",
    "distributed.admin.tick.interval": "1s",
    "distributed.scheduler.work-stealing-interval": "1s",
    "distributed.worker.heartbeat-interval": "2s",
    "distributed.worker.memory.monitor-interval": "1s",
    "distributed.worker.profile.enabled": False,
}
"""As ``docs/howto/cluster.md`` says: for tasks of many seconds dask need not look around every few milliseconds."""


@contextmanager
def cluster(workers: int, environment: dict[str, str], scratch: Path) -> Iterator[Any]:
    """Worker processes, each with one thread, whose own cache lies in ``scratch``."""
    import dask
    from distributed import LocalCluster

    spawn = {**environment, "CHANGEDET_CACHE": str(scratch), "NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    with (
        dask.config.set({"distributed.nanny.pre-spawn-environ": spawn, **CALM}),
        LocalCluster(
            n_workers=workers, threads_per_worker=1, dashboard_address=None, host="127.0.0.1", silence_logs=50
        ) as running,
    ):
        yield running
