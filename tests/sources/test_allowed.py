from __future__ import annotations

from pathlib import Path

import pytest

from changedet.sources.allowed import RASTER_DRIVERS, Rules, without_secrets


@pytest.fixture
def network() -> Rules:
    return Rules.of("https://earth-search.example.com/v1", Path())


def test_only_geotiff_may_read_what_was_fetched() -> None:
    assert RASTER_DRIVERS == ("GTiff",)


def test_https_passes(network: Rules) -> None:
    href = "https://archive.example.com/a/b.tif?sig=1"
    assert network.check(href) == href


@pytest.mark.parametrize(
    ("href", "word"),
    [
        ("http://archive.example.com/b.tif", "https"),
        ("ftp://archive.example.com/b.tif", "https"),
        ("s3://bucket/b.tif", "pays"),
        ("gs://bucket/b.tif", "https"),
        ("file:///etc/passwd", "files of this machine"),
        ("/etc/passwd", "files of this machine"),
        ("../../etc/passwd", "files of this machine"),
        ("/vsicurl/https://archive.example.com/b.tif", "files of this machine"),
        ("/vsizip/vsicurl/x.zip", "files of this machine"),
        ("https://user:secret@archive.example.com/b.tif", "password"),
        ("https://127.0.0.1/b.tif", "public network"),
        ("https://localhost/b.tif", "public network"),
        ("https://[::1]/b.tif", "public network"),
        ("https://169.254.169.254/latest/meta-data", "public network"),
        ("https://10.0.0.8/b.tif", "public network"),
        ("https://printer/b.tif", "public network"),
        ("https://nas.local/b.tif", "public network"),
        ("https://archive.example.com/a\r\nHost: evil", "control"),
        ("https://archive.example.com:99999/b.tif", "malformed"),
        ("https:///b.tif", "no host"),
        ("https://" + "a" * 9000, "too long"),
    ],
)
def test_what_a_network_catalogue_may_not_name(network: Rules, href: str, word: str) -> None:
    with pytest.raises(ValueError, match=word) as caught:
        network.check(href)
    assert "secret" not in str(caught.value)


def test_a_catalogue_on_loopback_may_name_loopback() -> None:
    rules = Rules.of("http://127.0.0.1:8080/", Path())
    assert rules.check("http://127.0.0.1:9090/a.tif")
    with pytest.raises(ValueError, match="https"):
        rules.check("http://archive.example.com/a.tif")


def test_a_catalogue_on_disk_may_name_its_own_files_only(tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "catalog.json").touch()
    (tmp_path / "secret.tif").touch()
    rules = Rules.of("archive/catalog.json", tmp_path)
    inside = tmp_path / "archive" / "a" / ".." / "b.tif"
    assert rules.check(str(inside)) == str(tmp_path / "archive" / "b.tif")
    for outside in (tmp_path / "secret.tif", tmp_path / "archive" / ".." / "secret.tif", "/vsimem/x.tif"):
        with pytest.raises(ValueError, match=r"outside|virtual"):
            rules.check(str(outside))


def test_a_link_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    (tmp_path / "secret.tif").touch()
    (tmp_path / "archive" / "innocent.tif").symlink_to(tmp_path / "secret.tif")
    with pytest.raises(ValueError, match="outside"):
        Rules.of("archive", tmp_path).check(str(tmp_path / "archive" / "innocent.tif"))


@pytest.mark.parametrize(
    ("href", "shown"),
    [
        ("https://a.example.com/b.tif?sv=1&sig=SECRET#x", "https://a.example.com/b.tif"),
        ("https://me:SECRET@a.example.com:8443/b.tif", "https://a.example.com:8443/b.tif"),
        ("https://a.example.com:bad/b?SECRET", "(malformed address)"),
        ("/archive/b.tif", "/archive/b.tif"),
    ],
)
def test_secrets_do_not_reach_logs(href: str, shown: str) -> None:
    assert without_secrets(href) == shown
