"""The command line: thin, each command calls one function of the library. Heavy imports happen inside the commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from changedet.errors import ChangedetError, ServiceError
from changedet.terminal import print_answer, print_json, print_run, print_search, progress_bars

if TYPE_CHECKING:
    from changedet.store import Store

app = typer.Typer(
    name="changedet",
    help="Checks claims of destruction at named facilities against public Sentinel-1 and Sentinel-2 imagery.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

cache_app = typer.Typer(no_args_is_help=True, help="What was downloaded: list it, check it, make room.")
app.add_typer(cache_app, name="cache")

ClaimFile = Annotated[Path, typer.Argument(help="Claim file (YAML).", show_default=False)]
SiteFile = Annotated[Path, typer.Argument(help="Site file (YAML).", show_default=False)]
SiteFiles = Annotated[
    Path, typer.Argument(help="Folder of site files, with watch.yaml where there is one.", show_default=False)
]
Out = Annotated[Path, typer.Option("--out", help="Folder that receives <site id>/<run id>/.")]
Cache = Annotated[
    Path | None, typer.Option("--cache", help="Cache folder; by default CHANGEDET_CACHE or the user's cache folder.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object for programs.")]
Pdf = Annotated[bool, typer.Option("--pdf", help="Also write report.pdf (needs the extra `pdf`).")]
MaxRequests = Annotated[
    int | None, typer.Option("--max-requests", min=0, help="Refuse, before anything is spent, what needs more.")
]
RunFolder = Annotated[Path, typer.Argument(help="Run folder, <out>/<site id>/<run id>.", show_default=False)]


@app.command()
def run(
    site: SiteFile,
    out: Out = Path("out"),
    cache: Cache = None,
    pdf: Pdf = False,
    max_requests: MaxRequests = None,
    as_json: Json = False,
) -> None:
    """Check one site: find and fetch scenes, flag structural change, write the run folder."""
    from changedet import pipeline

    with progress_bars(quiet=as_json) as progress:
        result = pipeline.run(site, out, cache=cache, progress=progress, with_pdf=pdf, max_requests=max_requests)
    print_run(result, as_json)


@app.command()
def verify(
    claim: ClaimFile,
    out: Out = Path("out"),
    cache: Cache = None,
    pdf: Pdf = False,
    max_requests: MaxRequests = None,
    as_json: Json = False,
) -> None:
    """Answer one claim: acquire what is needed, and say of each object whether images support it."""
    from changedet import pipeline

    with progress_bars(quiet=as_json) as progress:
        result = pipeline.verify(claim, out, cache=cache, progress=progress, with_pdf=pdf, max_requests=max_requests)
    print_answer(result, as_json)


@app.command()
def plan(claim: ClaimFile, as_json: Json = False) -> None:
    """Say what could be shown of a claim, before anything is spent: sizes, dates, what no image of 10 m can settle."""
    from changedet import planning

    def told(planned: planning.Plan | planning.Sizes) -> None:
        if as_json:
            print_json(planned.as_dict())
        else:
            typer.echo("\n".join(planned.lines()))

    try:
        told(planning.plan(claim))
    except ServiceError:
        # what needs no catalogue is said all the same
        told(planning.sizes(claim))
        raise


@app.command()
def search(site: SiteFile, max_requests: MaxRequests = None, as_json: Json = False) -> None:
    """Say what a run would use: dates, orbits, cloud and bytes. Nothing is downloaded but the catalogue's answers."""
    from changedet import searching

    found = searching.search(site, max_requests)
    if as_json:
        print_json(found.as_dict())
    else:
        print_search(found)


@app.command()
def simulate(
    out: Annotated[Path, typer.Argument(help="Folder for the simulated archive.")] = Path("demo/archive"),
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 0,
) -> None:
    """Write a simulated archive: COGs, a static STAC catalogue, truth.geojson and a site file."""
    from changedet.simulate import Simulation, write_archive

    with progress_bars(quiet=False) as progress:
        catalogue = write_archive(out, Simulation(seed=seed), lambda done, total: progress("simulate", done, total))
    typer.echo(catalogue.parent / "site.yaml")


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for the archive and the report.")] = Path("demo"),
    as_json: Json = False,
) -> None:
    """Simulate an archive and run on it; ends by printing the path of the report."""
    from changedet import pipeline
    from changedet.simulate import Simulation, write_archive

    with progress_bars(quiet=as_json) as progress:
        catalogue = write_archive(out / "archive", Simulation(), lambda done, total: progress("simulate", done, total))
        result = pipeline.run(catalogue.parent / "site.yaml", out, cache=out / "cache", progress=progress)
    print_run(result, as_json)


@app.command()
def schema(
    kind: Annotated[Literal["site", "claim"], typer.Argument(help="Of which kind of file.")] = "site",
) -> None:
    """Print the JSON Schema of site files, or of claim files, for editors."""
    from changedet import pipeline

    typer.echo(json.dumps(pipeline.schema(kind), indent=2))


@app.command()
def report(run: RunFolder, pdf: Pdf = False) -> None:
    """Make the artefacts of a run again from its stored arrays, without the network."""
    from changedet.report.artefacts import rewrite_report

    rewrite_report(run, with_pdf=pdf)
    typer.echo(run / "report.html")


@app.command()
def check(run: RunFolder, cache: Cache = None, as_json: Json = False) -> None:
    """Hash every file of a run again, and the inputs that the cache still holds, and say what was altered."""
    from changedet.report.check import check as check_run

    findings = check_run(run, _cached(cache))
    if as_json:
        print_json([{"file": f.file, "trouble": f.trouble, "message": f.message} for f in findings])
    else:
        typer.echo("\n".join(map(str, findings)) or "nothing was altered, removed or added")
    raise typer.Exit(1 if findings else 0)


@app.command()
def export(
    run: RunFolder,
    target: Annotated[Path, typer.Argument(help="The zip file to write.", show_default=False)],
    cache: Cache = None,
) -> None:
    """Pack a run and its manifest into a zip file for those who check it."""
    from changedet.report.export import export as pack

    typer.echo(pack(run, target, _cached(cache)))


@cache_app.command("ls")
def cache_ls(cache: Cache = None, as_json: Json = False) -> None:
    """List the originals in the cache: size, scene, band and SHA-256."""
    entries = list(_store(cache).entries())
    if as_json:
        print_json([{"scene": e.scene, "asset": e.asset, "bytes": e.size, "sha256": e.sha256} for e in entries])
        return
    for entry in entries:
        typer.echo(f"{entry.size:>12}  {entry.sha256[:16]}  {entry.scene}  {entry.asset}")
    size = sum({entry.sha256: entry.size for entry in entries}.values())
    typer.echo(f"{len(entries)} files, {size / 1e6:.1f} MB, in {_store(cache).folder}")


@cache_app.command("verify")
def cache_verify(cache: Cache = None) -> None:
    """Hash every file of the cache again; damaged ones are set aside, and fetched again by the next run."""
    damaged = _store(cache).verify()
    for entry in damaged:
        typer.echo(f"damaged or missing: scene {entry.scene}, asset {entry.asset}, {entry.sha256}")
    typer.echo(f"{len(damaged)} damaged" if damaged else "every file is as it was downloaded")
    raise typer.Exit(1 if damaged else 0)


@cache_app.command("prune")
def cache_prune(
    keep: Annotated[float, typer.Option("--keep", min=0, help="Gigabytes to keep, the most recently used.")] = 0.0,
    cache: Cache = None,
) -> None:
    """Remove the least recently used files, and what killed runs left behind."""
    typer.echo(f"{_store(cache).prune(int(keep * 1e9)) / 1e6:.1f} MB freed")


@app.command()
def watch(
    configs: SiteFiles,
    out: Annotated[str, typer.Option("--out", help="The archive: a folder, or an address such as s3://…")] = "archive",
    cache: Annotated[str | None, typer.Option(help="Folder or address of what was downloaded.")] = None,
    every: Annotated[str | None, typer.Option(help="A pass every so often, such as 6h; by default one pass.")] = None,
    until: Annotated[str | None, typer.Option(help="Look at nothing later, such as 2024-06-30; for replays.")] = None,
    log: Annotated[str, typer.Option(help="text or json: one line an event on stderr.")] = "text",
    prometheus: Annotated[Path | None, typer.Option(help="Textfile with figures for Prometheus.")] = None,
    scheduler: Annotated[str | None, typer.Option(help="Workers of dask look at the sites: tcp://host:8786.")] = None,
) -> None:
    """Look at what is new at each site, keep the archive, tell of each change once."""
    from changedet.watch.asked import plan_of
    from changedet.watch.watcher import watch as watch_sites

    raise typer.Exit(watch_sites(plan_of(configs, (out, cache), every, until, log, prometheus, scheduler)))


@app.command()
def status(
    archive: Annotated[Path, typer.Argument(help="The archive of a watch.")] = Path("archive"), as_json: Json = False
) -> None:
    """Say what is known of each watched site, and how old it is."""
    from changedet.report.plain import plain
    from changedet.watch.asked import status_lines
    from changedet.watch.status import status as known

    rows = known(archive)
    if as_json:
        print_json(plain(rows))
    else:
        typer.echo("\n".join(status_lines(rows)))


alerts = typer.Typer(name="alerts", help="Alerts of a watch.", no_args_is_help=True)
app.add_typer(alerts)


@alerts.callback()
def _alerts() -> None:
    """Alerts of a watch."""


@alerts.command("test")
def alerts_test(configs: SiteFiles) -> None:
    """Send an alert that says that it is a test over each channel of watch.yaml, and say what came of it."""
    from changedet.watch.asked import try_channels

    lines, code = try_channels(configs)
    typer.echo("\n".join(lines))
    raise typer.Exit(code)


sites = typer.Typer(name="sites", help="Site files.", no_args_is_help=True)
app.add_typer(sites)


@sites.callback()
def _sites() -> None:
    """Site files."""


@sites.command("from-text")
def sites_from_text(
    article: Annotated[Path, typer.Argument(help="A report in English, plain text or Markdown.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", help="Folder for the drafts; nothing in it is overwritten.")] = Path(
        "drafts"
    ),
    publisher: Annotated[str | None, typer.Option(help="Who published it; goes into the claims.")] = None,
    url: Annotated[str | None, typer.Option(help="Where it was published.")] = None,
    published: Annotated[str | None, typer.Option(help="Day of publication, 2025-04-18; dates “this week”.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Draft site and claim files from a report, for a person to correct; what stays open is listed, not guessed.

    Your own places are read from gazetteer.csv beside the report: name,kind,country,longitude,latitude.
    """
    from changedet.fromtext import Origin, draft_from_article

    drafted = draft_from_article(article, out, origin=Origin.of(publisher, url, published))
    if as_json:
        print_json(drafted.as_dict())
    elif not quiet:
        typer.echo("\n".join(drafted.lines()))


def _store(cache: Path | None) -> Store:
    from changedet.store import Store, default_cache

    return Store(cache or default_cache())


def _cached(cache: Path | None) -> dict[str, Path]:
    """The originals that the cache holds, by their SHA-256; a cache that does not exist is not made."""
    from changedet.store import default_cache

    folder = cache or default_cache()
    return {entry.sha256: entry.path for entry in _store(folder).entries()} if folder.is_dir() else {}


def main() -> None:
    """Run the command line; errors of the package become one sentence and an exit code."""
    try:
        app()
    except ChangedetError as error:
        typer.echo(f"changedet: {error}", err=True)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        typer.echo("changedet: interrupted; what was downloaded so far is kept", err=True)
        raise SystemExit(130) from None
