from __future__ import annotations

import zipfile
from pathlib import Path

from changedet.report.zips import writing_zip


def pack(path: Path, source: Path) -> bytes:
    with writing_zip(path) as archive:
        archive.add_bytes("b.txt", b"text " * 100)
        archive.add_file("a.png", source)
    return path.read_bytes()


def test_bytes_depend_on_the_content_alone(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"picture")
    first = pack(tmp_path / "1.zip", source)
    source.chmod(0o600)
    source.touch()
    assert pack(tmp_path / "2.zip", source) == first


def test_entries_keep_their_order_and_carry_no_time_of_writing(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"picture")
    pack(tmp_path / "1.zip", source)
    with zipfile.ZipFile(tmp_path / "1.zip") as archive:
        text, picture = archive.infolist()
        assert archive.testzip() is None
    assert (text.filename, picture.filename) == ("b.txt", "a.png")
    assert text.date_time == picture.date_time == (1980, 1, 1, 0, 0, 0)
    assert text.compress_size < text.file_size
    assert picture.compress_type == zipfile.ZIP_STORED


def test_small_members_have_no_64_bit_header(tmp_path: Path) -> None:
    """Readers of KMZ know version 2.0 of the format only."""
    with writing_zip(tmp_path / "1.zip") as archive:
        archive.add_bytes("doc.kml", b"<kml/>")
    with zipfile.ZipFile(tmp_path / "1.zip") as archive:
        assert archive.infolist()[0].extract_version == 20
