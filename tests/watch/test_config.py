"""``watch.yaml`` as people write it."""

from __future__ import annotations

from pathlib import Path

import pytest

from changedet.errors import FileError, InputError
from changedet.watch.config import WatchConfig, read_config, site_files

GOOD = """
alarms_per_year: 0.5
window_days: 120
sites:
  depot:
    alarms_per_year: 0.1
alerts:
  link: https://example.org/watch
  webhook:
    url: https://example.org/hook
    secret: HOOK_SECRET
  email:
    host: mail.example.org
    sender: watch@example.org
    to: [desk@example.org]
"""


def read(folder: Path, text: str) -> WatchConfig:
    (folder / "watch.yaml").write_text(text)
    return read_config(folder)


def refused(folder: Path, text: str) -> str:
    with pytest.raises(FileError) as error:
        read(folder, text)
    return str(error.value)


def test_rules_hold_for_all_sites_but_those_that_say_otherwise(tmp_path: Path) -> None:
    config = read(tmp_path, GOOD)
    assert config.rules_of("harbour").alarms_per_year == 0.5
    assert config.rules_of("depot").alarms_per_year == 0.1
    assert config.rules_of("depot").window_days == 120
    assert config.alerts.email is not None
    assert config.alerts.email.port == 587


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    assert read_config(tmp_path) == WatchConfig()
    assert WatchConfig().rules.alarms_per_year == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("alarms_per_yaer: 1\n", "alarms_per_year"),
        ("alarms_per_year: 0\n", "watch.yaml:1: alarms_per_year"),
        ("alarms_per_year: often\n", "watch.yaml:1: alarms_per_year"),
        ("alerts:\n  webhook:\n    url: http://example.org/\n    secret: S\n", "must be an https address"),
        ("alerts:\n  webhook:\n    url: ftp://example.org/\n    secret: S\n", "must be an https address"),
        ("alerts:\n  webhook:\n    url: https://example.org/\n    secret: a b\n", "environment variable"),
        ("alerts:\n  email:\n    host: h\n    sender: x\n    to: [a@b.org]\n", "plain e-mail address"),
        (
            "alerts:\n  email:\n    host: h.org\n    security: none\n    sender: a@b.org\n    to: [a@b.org]\n",
            "in the clear",
        ),
        (
            "alerts:\n  email:\n    host: h.org\n    user: me\n    sender: a@b.org\n    to: [a@b.org]\n",
            "only one of user and password",
        ),
        ("sites:\n  depot:\n    alarms: 3\n", "watch.yaml:3: sites.depot.alarms"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, told: str) -> None:
    assert told in refused(tmp_path, text)


def test_loopback_may_be_plain_http(tmp_path: Path) -> None:
    config = read(tmp_path, "alerts:\n  webhook:\n    url: http://127.0.0.1:8000/\n    secret: S\n")
    assert config.alerts.webhook is not None


def test_site_files_are_all_yaml_files_but_the_settings_of_the_watch(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yml", "watch.yaml", ".hidden.yaml", "readme.txt"):
        (tmp_path / name).write_text("x")
    assert [path.name for path in site_files(tmp_path)] == ["a.yml", "b.yaml"]
    assert site_files(tmp_path / "b.yaml") == (tmp_path / "b.yaml",)


def test_an_empty_folder_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no site file"):
        site_files(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        site_files(tmp_path / "gone")
