"""`site`: where ECGs are recorded."""

import typer

from app.commands.shared import fail, open_session, show

sites = typer.Typer(help="Sites and their time zones.", no_args_is_help=True)


@sites.command("zone")
def set_time_zone(name: str, time_zone: str) -> None:
    """Give a site a time zone, such as Europe/Berlin; the hours of its pairs are computed again."""
    from app.kit.problems import Problem
    from app.sites import service

    try:
        with open_session() as session:
            service.set_time_zone(session, "command line", name, time_zone)
    except Problem as problem:
        fail(f"{time_zone} {problem.errors[0].reason}")


@sites.command("list")
def list_sites() -> None:
    """Print the sites that have ECGs or a time zone, a line each: name, tab, time zone."""
    from app.sites import service

    after: str | None = ""
    with open_session() as session:
        while after is not None:
            found = service.listed(session, after, 500)
            for site in found.items:
                show(f"{site.name}\t{site.time_zone}{' (not set)' if site.is_default else ''}")
            after = found.next_after
