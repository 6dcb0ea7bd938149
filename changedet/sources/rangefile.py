"""A remote file that reads like a local one."""

from __future__ import annotations

import io

from changedet.errors import ServiceError
from changedet.sources.transport import Transport


class RangeFile(io.RawIOBase):
    """A remote file that reads like a local one, through byte ranges in blocks that are kept.

    GDAL asks for many small pieces of a header; one block answers them all.
    """

    BLOCK = 64 * 1024

    def __init__(self, transport: Transport, url: str, faults: list[ServiceError] | None = None) -> None:
        super().__init__()
        self._transport, self._url = transport, url
        self._faults = [] if faults is None else faults
        self._position = 0
        first, self._size = transport.get_range(url, 0, self.BLOCK)
        self._blocks = {0: first}

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """Position in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move, without reading."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Bytes from the position on; fewer at the end of the file."""
        start = self._position
        stop = self._size if size < 0 else min(self._size, start + size)
        if stop <= start:
            return b""
        first, last = start // self.BLOCK, (stop - 1) // self.BLOCK
        self._load(first, last)
        data = b"".join(self._blocks[i] for i in range(first, last + 1))
        self._position = stop
        return data[start - first * self.BLOCK : stop - first * self.BLOCK]

    def _load(self, first: int, last: int) -> None:
        missing = [i for i in range(first, last + 1) if i not in self._blocks]
        if not missing:
            return
        low, high = missing[0], missing[-1]
        start = low * self.BLOCK
        try:
            body, _ = self._transport.get_range(self._url, start, (high - low + 1) * self.BLOCK)
        except ServiceError as error:
            # GDAL swallows what a file object raises; the caller finds it here
            self._faults.append(error)
            raise OSError(str(error)) from error
        for i in range(low, high + 1):
            offset = i * self.BLOCK - start
            self._blocks[i] = body[offset : offset + self.BLOCK]
