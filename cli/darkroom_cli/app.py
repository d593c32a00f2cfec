"""`darkroom`: the local stack, pictures into a bucket, and the engine on one file.

Each command imports what it needs: `render` starts without boto3, aiohttp and Rich.
"""

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from darkroom_cli.stack import Fault, LocalStack
from darkroom_cli.terminal import printable

app = typer.Typer(
    help="Drop a picture in a bucket, get the smallest pictures the web can show.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


Stack = Annotated[str | None, typer.Option(help="A stack in the cloud instead of the local one.")]
Region = Annotated[str | None, typer.Option(help="Where that stack is; else as AWS is set up here.")]
Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID...]", help="As `darkroom failures` lists.")]
All = Annotated[bool, typer.Option("--all", help="All that were given up.")]


def main() -> None:
    """Runs the command line; a fault is one sentence and its exit code."""
    try:
        app()
    except Fault as fault:
        sys.stdout.flush()
        # What a site or AWS has said may be in it.
        typer.echo("darkroom: " + "\n".join(map(printable, str(fault).splitlines())), err=True)
        raise SystemExit(fault.exit_code) from None


@app.command()
def up(
    detach: Annotated[
        bool, typer.Option("--detach", help="Return when it is ready, and leave it up.")
    ] = False,
) -> None:
    """Build, deploy and run the local stack, and follow its logs until Ctrl-C."""
    import asyncio

    from rich.console import Console

    from darkroom_cli.local import up as stack

    site, console = LocalStack.of(os.environ), Console()
    if detach:
        raise typer.Exit(stack.detach(site, console))
    asyncio.run(stack.up(site, console))


@app.command()
def down() -> None:
    """Stop the local stack; its pictures are kept."""
    site = LocalStack.of(os.environ)
    stopped = site.supervisor.stop_holder(60)
    # A supervisor that was killed has left its emulator behind.
    stopped = site.ministack.stop_holder(30) or stopped
    typer.echo("Stopped." if stopped else f"No stack is up on port {site.aws_port}.")


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print the addresses of the local stack."""
    found = asdict(LocalStack.of(os.environ).status())
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        for name, value in found.items():
            typer.echo(f"{name:<{max(map(len, found))}}  {value}")


@app.command()
def drop(
    paths: Annotated[list[Path], typer.Argument(help="Pictures, or folders of them.")],
    stack: Stack = None,
    region: Region = None,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds without any news to wait.")] = 300,
    new: Annotated[
        bool, typer.Option("--new", help="Don't go on with what was interrupted: a new job.")
    ] = False,
) -> None:
    """Send pictures as a job, follow it, and show what was saved; go on with one that was interrupted."""
    from darkroom_cli.drop.command import drop_pictures

    if not drop_pictures(LocalStack.of(os.environ), paths, stack, region, timeout, new=new):
        raise typer.Exit(1)


@app.command()
def failures(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
    stack: Stack = None,
    region: Region = None,
) -> None:
    """List the uploads that were given up, with their reasons."""
    from rich.console import Console

    from darkroom_cli import operate

    with operate.failures_of(LocalStack.of(os.environ), stack, region) as found:
        operate.show(found, as_json, Console())


@app.command()
def retry(ids: Ids = None, everything: All = False, stack: Stack = None, region: Region = None) -> None:
    """Try again what was given up."""
    from rich.console import Console

    from darkroom_cli import operate

    with operate.failures_of(LocalStack.of(os.environ), stack, region) as found:
        operate.retry(found, ids or [], everything, Console())


@app.command()
def skip(ids: Ids = None, everything: All = False, stack: Stack = None, region: Region = None) -> None:
    """Let go what was given up: it stays as it is, and is no failure any more."""
    from rich.console import Console

    from darkroom_cli import operate

    with operate.failures_of(LocalStack.of(os.environ), stack, region) as found:
        operate.skip(found, ids or [], everything, Console())


@app.command()
def sweep(
    stale: Annotated[
        bool, typer.Option("--stale", help="Render again what another profile or engine has made.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --stale: only say what it would cost.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --stale: do not ask.")] = False,
    after_minutes: Annotated[
        float | None, typer.Option(min=0, help="Younger uploads are not lost; else as the stack has it.")
    ] = None,
    keep_hours: Annotated[
        float | None,
        typer.Option(min=0, help="How long what is not shown any more is kept; else as the stack has it."),
    ] = None,
    stack: Stack = None,
    region: Region = None,
) -> None:
    """Look for lost uploads and for renditions that nothing names, now."""
    from rich.console import Console

    from darkroom_cli import operate
    from darkroom_cli.stack import asking_aws, status_of

    if not stale and (dry_run or yes):
        raise Fault("--dry-run and --yes belong to --stale.", 2)
    with asking_aws():
        status = status_of(LocalStack.of(os.environ), stack, region)
        if not stale:
            operate.sweep(status, after_minutes, keep_hours, Console())
            return
        from darkroom.domain.profile import parse_profile
        from darkroom.imaging import ENGINE
        from darkroom_cli.profile import in_force

        agreed = None if dry_run else (lambda _: True) if yes else typer.confirm
        deployed = in_force(status)
        profile = parse_profile(deployed.document)
        operate.sweep_stale(status, profile, deployed.at, ENGINE, agreed, Console())


@app.command()
def stats(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    hours: Annotated[float, typer.Option(min=0.01, help="Of how long back the costs are worked out.")] = 24,
    stack: Stack = None,
    region: Region = None,
) -> None:
    """Say what was saved, and what a thousand pictures cost."""
    from rich.console import Console

    from darkroom_cli import stats as figures
    from darkroom_cli.stack import asking_aws, status_of

    with asking_aws():
        found = figures.gather(status_of(LocalStack.of(os.environ), stack, region), hours)
    figures.show(found, as_json, Console())


@app.command()
def rebuild_views(stack: Stack = None, region: Region = None) -> None:
    """Restore the views from the ledger; a table that is gone is made anew."""
    from rich.console import Console

    from darkroom_cli import operate
    from darkroom_cli.stack import asking_aws, status_of

    with asking_aws():
        operate.rebuild_views(status_of(LocalStack.of(os.environ), stack, region), Console())


@app.command()
def deploy(
    stack: Annotated[str | None, typer.Option(help="Its name; else as samconfig.toml has it.")] = None,
    region: Annotated[str | None, typer.Option(help="Where; else as samconfig.toml has it.")] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="A parameter of the template; again for more."),
    ] = None,
    role: Annotated[
        str | None, typer.Option(metavar="ARN", help="The role by which CloudFormation makes the changes.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Deploy without showing the changes first.")] = False,
) -> None:
    """Build and deploy to AWS; ask for a name and a region the first time."""
    from rich.console import Console

    from darkroom_cli.deploy import deploy as deploying
    from darkroom_cli.stack import asking_aws

    with asking_aws():
        deploying(stack, region, parameter or [], role, not yes, Console())


@app.command()
def destroy(
    stack: Annotated[str, typer.Option(help="The stack in the cloud that is to go.")],
    region: Region = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    everything: Annotated[
        bool, typer.Option("--everything", help="Also what can't be made again: originals, ledger, profiles.")
    ] = False,
) -> None:
    """Empty a stack's buckets and delete it; originals, ledger and pushed profiles are kept."""
    from rich.console import Console

    from darkroom_cli import destroy as destroying
    from darkroom_cli.stack import asking_aws, region_of

    with asking_aws():
        account = destroying.Account.of(region_of(region))
        destroying.destroy(account, stack, everything, None if yes else destroying.typed, Console())


@app.command(
    add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
)
def render() -> None:
    """Render one local file without AWS, and print its receipt as one line of JSON."""
    # Here to be listed: it parses its own arguments, so that it starts without Typer.
    from darkroom_cli.render import main as command

    command()


profiles = typer.Typer(
    help="What is to be made of pictures: show it, check a file, put one in force.", no_args_is_help=True
)
app.add_typer(profiles, name="profile")
ProfileFile = Annotated[Path, typer.Argument(metavar="FILE", help="A profile's JSON file.")]


@profiles.command("show")
def show_profile(stack: Stack = None, region: Region = None) -> None:
    """Print the profile in force, with its hash, its version and when it was deployed."""
    from darkroom_cli.profile import show
    from darkroom_cli.stack import asking_aws, status_of

    with asking_aws():
        typer.echo(show(status_of(LocalStack.of(os.environ), stack, region)))


@profiles.command("check")
def check_profile(file: ProfileFile) -> None:
    """Say what is wrong in a profile's file, and on which lines."""
    from darkroom_cli.profile import check

    _, profile = check(file)
    typer.echo(f"{file} is a good profile: {profile.name} ({profile.hash}).")


@profiles.command("push")
def push_profile(file: ProfileFile, stack: Stack = None, region: Region = None) -> None:
    """Put a profile in force, without a deployment of the stack; a bad one is refused before it is sent."""
    from rich.console import Console

    from darkroom_cli.profile import check, push
    from darkroom_cli.stack import asking_aws, status_of

    document, profile = check(file)
    with asking_aws():
        version = push(status_of(LocalStack.of(os.environ), stack, region), document, Console())
    typer.echo(f"{profile.name} ({profile.hash}) is in force as version {version}.")
    typer.echo("Warm functions take it within 45 s.")


tokens = typer.Typer(help="Who may come in: make tokens, list them, end them.", no_args_is_help=True)
app.add_typer(tokens, name="token")


@tokens.command("new")
def new_token(stack: Stack = None, region: Region = None) -> None:
    """Make a token and print it, this once; the one before it stays valid, an older one does not."""
    from darkroom_cli.stack import asking_aws, status_of
    from darkroom_cli.tokens import tokens_of

    with asking_aws():
        tokens_of(status_of(LocalStack.of(os.environ), stack, region)).new()


@tokens.command("first")
def first_token(stack: Stack = None, region: Region = None) -> None:
    """Make a stack's first token and print it; do nothing if any was ever made."""
    from darkroom_cli.stack import asking_aws, status_of
    from darkroom_cli.tokens import ensure_first_token

    with asking_aws():
        ensure_first_token(status_of(LocalStack.of(os.environ), stack, region))


@tokens.command("list")
def list_tokens(stack: Stack = None, region: Region = None) -> None:
    """List the ids of the tokens that are valid, and when they were made."""
    from darkroom_cli.stack import asking_aws, status_of
    from darkroom_cli.tokens import tokens_of

    with asking_aws():
        tokens_of(status_of(LocalStack.of(os.environ), stack, region)).list()


@tokens.command("revoke")
def revoke_token(
    token: Annotated[str, typer.Argument(metavar="ID", help="As `darkroom token list` says it.")],
    yes: Annotated[bool, typer.Option("--yes", help="End the last one too without asking.")] = False,
    stack: Stack = None,
    region: Region = None,
) -> None:
    """End a token, and what was signed in by it, within 30 s."""
    from darkroom_cli.stack import asking_aws, status_of
    from darkroom_cli.tokens import tokens_of

    with asking_aws():
        agreed = (lambda _: True) if yes else typer.confirm
        tokens_of(status_of(LocalStack.of(os.environ), stack, region)).revoke(token, agreed)


@app.command()
def demo() -> None:
    """Send sample pictures through the local stack and check what comes out."""
    from rich.console import Console

    from darkroom_cli.local.demo import demo as show

    show(LocalStack.of(os.environ), Console())


if __name__ == "__main__":
    main()
