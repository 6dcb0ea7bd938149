"""What the pages tell a reader to type exists: the commands, their options, and site files that load."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from changedet import pipeline
from changedet.cli import app
from changedet.sources.acquire import open_source

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs" / "howto").glob("*.md")])
ACCOUNTS = sorted((ROOT / "configs" / "accounts").glob("*.yaml"))


def commands(page: Path) -> list[list[str]]:
    """Each changedet command of a page: in blocks for a console, or between backticks."""
    text = page.read_text("utf-8")
    blocks = "\n".join(re.findall(r"```console\n(.*?)```", text, re.DOTALL))
    lines = re.findall(r"^changedet .*$", blocks, re.MULTILINE) + re.findall(r"`(changedet [^`]*)`", text)
    return [shlex.split(line, comments=True)[1:] for line in lines]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_a_page_exists(page: Path) -> None:
    for words in commands(page):
        command = get_command(app)
        rest = list(words)
        while rest and hasattr(command, "commands"):
            assert rest[0] in command.commands, f"{page.name}: changedet {' '.join(words)}"
            command = command.commands[rest.pop(0)]
        options = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in rest if word.startswith("--")} <= options, f"{page.name}: changedet {' '.join(words)}"
        for word in rest:
            if word.startswith("configs/"):
                assert (ROOT / word).is_file()


def test_each_archive_has_a_page_with_its_own_site_file() -> None:
    assert [path.stem for path in ACCOUNTS] == ["cdse", "earth-search", "planetary-computer"]
    for path in ACCOUNTS:
        page = ROOT / "docs" / "howto" / f"{path.stem}.md"
        asked = {" ".join(words[:2]) for words in commands(page)}
        assert {f"search configs/accounts/{path.name}", f"run configs/accounts/{path.name}"} <= asked
        assert f"docs/howto/{path.stem}.md" in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("path", ACCOUNTS, ids=lambda path: path.stem)
def test_the_site_files_load_and_their_sources_open(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SH_CLIENT_ID", "me")
    monkeypatch.setenv("SH_CLIENT_SECRET", "nobody")
    site = pipeline.load_site(path)
    assert (site.before.last - site.before.first).days >= 364
    source = open_source(site, path.parent)
    assert source.spent()["requests"] == 0
    words = re.sub(r"#.*", "", path.read_text("utf-8")).lower()
    assert "secret" not in words


def test_the_commands_of_dask_on_the_page_of_the_cluster_exist() -> None:
    from distributed.cli.dask_scheduler import main as scheduler
    from distributed.cli.dask_worker import main as worker

    text = (ROOT / "docs" / "howto" / "cluster.md").read_text("utf-8")
    for name, command in (("scheduler", scheduler), ("worker", worker)):
        known = {option for parameter in command.params for option in parameter.opts}
        (line,) = re.findall(rf"^\$ .*dask {name} (.*)$", text, re.MULTILINE)
        assert {word for word in line.split() if word.startswith("--")} <= known
