"""The `darkroom` command.

Each command imports its own modules: `--help`, `--version` and `profile check` start without boto3, aiohttp,
Pillow and Rich.
"""

import errno
import json
import os
import signal
import sys
import tempfile
import traceback
from contextlib import suppress
from dataclasses import asdict
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from darkroom.domain.focus import parse_focus
from darkroom.web.pages.formatting import counted, printable
from darkroom_cli.asking import confirmation, prompt
from darkroom_cli.commands import Commands
from darkroom_cli.completion import complete_format, complete_profile, parse_format
from darkroom_cli.faults import CANNOT_CREATE, INTERNAL_ERROR, Fault, Terminated
from darkroom_cli.stack import LocalStack, check_build
from darkroom_cli.target import Region, Stack, aws_faults, connect, region_or_default

if TYPE_CHECKING:
    from rich.console import Console

app = Commands("Make pictures smaller for the web: on this machine, or in a bucket.")


Ids = Annotated[
    list[str] | None, typer.Argument(metavar="ID...", help="Ids of failures, from `darkroom failures`.")
]
All = Annotated[bool, typer.Option("--all", help="All failures.")]
Ignored = Annotated[
    list[str] | None,
    typer.Option("--ignore", metavar="GLOB", help="Leave out such names; may be repeated."),
]


def main() -> None:
    """Runs the command line; prints a fault as one message and exits with its code."""
    signal.signal(signal.SIGTERM, _terminate)
    # A closed terminal; Windows has no such signal, and nohup ignores it.
    hang_up = getattr(signal, "SIGHUP", None)
    if hang_up and signal.getsignal(hang_up) is signal.SIG_DFL:
        signal.signal(hang_up, _terminate)
    # A pipe on Windows, or a C locale, can't encode every name.
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        if "" in sys.argv[1:]:
            # Else `render album "$FOLDER"` would write into the current folder.
            raise Fault("An argument is empty.", 2)
        app(prog_name="darkroom")
    except Fault as fault:
        _exit(str(fault), fault.exit_code)
    except Terminated:
        _exit("Terminated.", Terminated.EXIT_CODE)
    except Exception as fault:  # noqa: BLE001 - nobody should see a traceback
        if isinstance(fault, OSError) and fault.errno in _UNWRITABLE and fault.filename is None:
            _exit(f"The output can't be written: {fault.strerror}.", CANNOT_CREATE)
        _exit(_internal_error(fault), INTERNAL_ERROR)


def _terminate(_number: int, _frame: object) -> NoReturn:
    raise Terminated


_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def _exit(message: str, exit_code: int) -> NoReturn:
    try:
        sys.stdout.flush()
    except OSError:
        # Else Python tries again at its end, and prints a traceback.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    # The message may quote a server's response.
    with suppress(OSError):
        typer.echo("darkroom: " + "\n".join(map(printable, message.splitlines())), err=True)
    raise SystemExit(exit_code) from None


def _internal_error(fault: Exception) -> str:
    """Writes the traceback to a file and returns a sentence with its path."""
    file = Path(tempfile.gettempdir()) / f"darkroom-error-{os.getpid()}.txt"
    sentence = f"Internal error, please report it: {type(fault).__name__}: {fault}"
    try:
        file.write_text("".join(traceback.format_exception(fault)))
    except OSError:
        return sentence
    return f"{sentence}\nThe details are in {file}."


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"darkroom {version('darkroom')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Make pictures smaller for the web: on this machine, or in a bucket."""


def terminal() -> "Console":
    from rich.console import Console

    return Console(highlight=False)


@app.command()
def render(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH... OUTDIR",
            help="Pictures, folders, patterns like 'photos/*.jpg', or - for standard input; then the folder"
            " for the renditions.",
        ),
    ],
    profile: Annotated[
        str,
        typer.Option(
            metavar="PROFILE",
            help="A profile's JSON file, or a built-in one.",
            autocompletion=complete_profile,
        ),
    ] = "default",
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="Render only this format; may be repeated.",
            autocompletion=complete_format,
        ),
    ] = None,
    widths: Annotated[
        list[str] | None,
        typer.Option("--width", metavar="PIXELS", help="Render only this width; may be repeated."),
    ] = None,
    target: Annotated[
        float | None,
        typer.Option(
            metavar="SCORE",
            help="SSIMULACRA2 score to reach: 70 is good, 80 very good, 90 visually lossless.",
        ),
    ] = None,
    ignored: Ignored = None,
    force: Annotated[
        bool, typer.Option("--force", help="Render what is up to date, and overwrite any file.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per picture.")] = False,
    html: Annotated[
        bool, typer.Option("--html", help="Also write pages with a slider and the HTML to copy.")
    ] = False,
) -> None:
    """Render pictures on this machine, without AWS. Skips those that are up to date."""
    from darkroom_cli.render.command import Options, render
    from darkroom_cli.render.options import chosen_profile

    if len(paths) < 2:
        raise Fault("Give the pictures and, last, the folder for their renditions.", 2)
    *sources, folder = paths
    options = Options(
        chosen_profile(profile, formats, widths, target), tuple(ignored or ()), force, as_json, html
    )
    raise typer.Exit(render(sources, folder, options))


@app.command()
def compare(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...", help="An original and another picture; or one to render with profiles."
        ),
    ],
    profiles: Annotated[
        list[str] | None,
        typer.Option(
            "--profile",
            metavar="PROFILE",
            help="Render the picture with this profile: a JSON file, or a built-in one; may be repeated.",
            autocompletion=complete_profile,
        ),
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="PAGE", help="Also write a page with a slider to this file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Compare two pictures, or two profiles on one picture: bytes, score and time."""
    from darkroom_cli.render.task import check_engine

    if len(files) != (1 if profiles else 2):
        raise Fault("Give two pictures, or one picture and a --profile or more.", 2)
    check_engine()
    from darkroom_cli import compare as command
    from darkroom_cli.render.options import chosen_profile

    if profiles:
        chosen = [chosen_profile(name, None, None, None) for name in profiles]
        compared = command.compare_profiles(files[0], chosen)
    else:
        compared = command.compare_files(*files)
    command.report(compared, as_json=as_json)
    if html:
        command.write_page(compared, html)


@app.command()
def up(
    detach: Annotated[
        bool, typer.Option("--detach", help="Return when the stack is ready; it keeps running.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Show all lines of the functions' logs.")
    ] = False,
) -> None:
    """Build, deploy and run the local stack, and show a line per picture until Ctrl-C."""
    check_build()
    import asyncio

    from darkroom_cli.local import up as command

    local_stack = LocalStack.of(os.environ)
    if detach:
        raise typer.Exit(command.detach(local_stack, terminal(), verbose=verbose))
    asyncio.run(command.up(local_stack, terminal(), verbose=verbose))


@app.command()
def down() -> None:
    """Stop the local stack. Its pictures are kept."""
    local_stack = LocalStack.find(os.environ)
    stopped = local_stack.supervisor.stop_holder(60)
    # A killed supervisor leaves its emulator running.
    stopped = local_stack.ministack.stop_holder(30) or stopped
    typer.echo("Stopped." if stopped else f"No local stack is running on port {local_stack.aws_port}.")


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print the addresses of the local stack, or the reason why it does not respond."""
    local_stack = LocalStack.find(os.environ)
    addresses = asdict(local_stack.status())
    local_stack.check_emulator()
    if as_json:
        typer.echo(json.dumps(addresses, indent=2))
    else:
        for name, value in addresses.items():
            typer.echo(f"{name:<{max(map(len, addresses))}}  {value}")


@app.command()
def drop(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Pictures, or folders of pictures.")],
    stack: Stack = None,
    region: Region = None,
    timeout: Annotated[
        float,
        # The default is longer than the longest retry: 300 s of backoff, and an attempt of up to 120 s.
        typer.Option(
            min=1, metavar="SECONDS", help="Seconds to wait without progress, longer than a retry takes."
        ),
    ] = 600,
    new: Annotated[
        bool, typer.Option("--new", help="Start a new job instead of resuming an interrupted one.")
    ] = False,
    focus: Annotated[
        str | None,
        typer.Option(
            metavar="X,Y",
            help="Keep this point in the profile's crops, like 0.31,0.40 from the top left; or auto.",
        ),
    ] = None,
    ignored: Ignored = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per picture.")] = False,
) -> None:
    """Upload pictures as a job, follow it, and show the savings. Resumes an interrupted job."""
    from darkroom_cli.drop.command import drop_pictures
    from darkroom_cli.files import find_pictures

    chosen = parse_focus(focus) if focus is not None else None
    if focus is not None and chosen is None:
        raise Fault("--focus takes two numbers from 0 to 1, like 0.31,0.40, or auto.", 2)
    found = find_pictures(paths, ignored or ())
    for note in found.notes():
        typer.echo(note, err=True)
    if not found.files:
        raise Fault("There are no pictures at these paths.", 1 if found.faults else 2)
    with connect(stack, region) as status:
        rendered = drop_pictures(
            status, paths, found.by_name, timeout, new=new, as_json=as_json, focus=chosen
        )
    if found.faults or not rendered:
        raise typer.Exit(1)


_NAMES = typer.Argument(metavar="PICTURE...", help="Names, ids or addresses of pictures, or ids of jobs.")
Names = Annotated[list[str], _NAMES]


@app.command("ls")
def list_pictures(
    names: Annotated[list[str] | None, _NAMES] = None,
    count: Annotated[int, typer.Option(min=1, metavar="N", help="How many of the newest pictures.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per picture.")] = False,
    stack: Stack = None,
    region: Region = None,
) -> None:
    """List a stack's newest pictures, or those of a job."""
    from darkroom_cli import pictures

    with connect(stack, region) as status:
        pictures.list_pictures(status, names or [], count, as_json=as_json)


@app.command()
def get(
    names: Names,
    folder: Annotated[
        Path, typer.Option("--to", metavar="FOLDER", help="Where to write the files.")
    ] = Path(),
    format_: Annotated[
        str,
        typer.Option("--format", metavar="FORMAT", help="Only this format.", autocompletion=complete_format),
    ] = "",
    width: Annotated[
        int,
        typer.Option(
            min=0,
            show_default=False,
            metavar="PIXELS",
            help="The narrowest of at least this width; else the widest.",
        ),
    ] = 0,
    every: Annotated[bool, typer.Option("--all", help="All renditions.")] = False,
    stack: Stack = None,
    region: Region = None,
) -> None:
    """Download renditions: by default the smallest file at full width. Overwrites nothing."""
    from darkroom_cli import pictures

    with connect(stack, region) as status:
        files, lacking = pictures.download(
            status, names, folder, pictures.Wanted(format_ and parse_format(format_), width, every)
        )
    for file in files:
        typer.echo(printable(str(file)))
    if lacking:
        raise Fault("\n".join(lacking))


@app.command("rm")
def delete_pictures(
    names: Names,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    stack: Stack = None,
    region: Region = None,
) -> None:
    """Delete pictures: each original gets a delete marker, its renditions are removed."""
    from darkroom_cli import pictures

    with connect(stack, region) as status:
        deleted = pictures.delete_pictures(status, names, confirmation(yes=yes))
    typer.echo(f"Deleted {counted(deleted, 'picture')}.")


@app.command("open")
def open_page(
    name: Annotated[
        str, typer.Argument(metavar="PICTURE", help="Name, id or address of a picture, or id of a job.")
    ] = "",
    stack: Stack = None,
    region: Region = None,
) -> None:
    """Open the page of a picture or job in the browser; without a name, the stack's home page."""
    from darkroom_cli import pictures

    with connect(stack, region) as status:
        url = pictures.address_of(status, name)
    pictures.open_page(url)


@app.command()
def failures(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")] = False,
    stack: Stack = None,
    region: Region = None,
) -> None:
    """List the failed uploads and their reasons."""
    from darkroom_cli import failures as command

    with connect(stack, region) as status:
        command.show(command.failures_of(status), as_json, terminal())


@app.command()
def retry(ids: Ids = None, everything: All = False, stack: Stack = None, region: Region = None) -> None:
    """Render failed uploads again."""
    from darkroom_cli import failures as command

    with connect(stack, region) as status:
        command.retry(command.failures_of(status), ids or [], everything, terminal())


@app.command()
def skip(ids: Ids = None, everything: All = False, stack: Stack = None, region: Region = None) -> None:
    """Mark failed uploads as skipped and remove them from the list of failures."""
    from darkroom_cli import failures as command

    with connect(stack, region) as status:
        command.skip(command.failures_of(status), ids or [], everything, terminal())


@app.command()
def sweep(
    stale: Annotated[
        bool,
        typer.Option(
            "--stale", help="Render again all uploads that were rendered with another profile or engine."
        ),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="With --stale: print the number of uploads and the estimated cost; enqueue nothing.",
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --stale: do not ask for confirmation.")] = False,
    after_minutes: Annotated[
        float | None,
        typer.Option(
            min=0, metavar="MINUTES", help="Ignore uploads younger than this. Default: the stack's setting."
        ),
    ] = None,
    keep_hours: Annotated[
        float | None,
        typer.Option(
            min=0, metavar="HOURS", help="Keep superseded renditions this long. Default: the stack's setting."
        ),
    ] = None,
    stack: Stack = None,
    region: Region = None,
) -> None:
    """Enqueue lost uploads and delete unused renditions now."""
    from darkroom_cli import sweep as command

    if not stale and (dry_run or yes):
        raise Fault("--dry-run and --yes need --stale.", 2)
    with connect(stack, region) as status:
        if stale:
            command.sweep_stale(status, None if dry_run else confirmation(yes=yes), terminal())
        else:
            command.sweep(status, after_minutes, keep_hours, terminal())


@app.command()
def stats(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    hours: Annotated[
        float, typer.Option(min=0.01, metavar="HOURS", help="Compute costs over this many hours.")
    ] = 24,
    stack: Stack = None,
    region: Region = None,
) -> None:
    """Show the savings, and the cost of 1,000 pictures."""
    from darkroom_cli import stats as command

    with connect(stack, region) as status:
        command.show(command.gather(status, hours), as_json, terminal())


@app.command()
def rebuild_views(stack: Stack = None, region: Region = None) -> None:
    """Restore the views from the ledger. Creates the views table if it is missing."""
    from darkroom_cli import views as command

    with connect(stack, region) as status:
        command.rebuild_views(status, terminal())


@app.command()
def deploy(
    stack: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the stack. Default: in samconfig.toml.")
    ] = None,
    region: Annotated[
        str | None, typer.Option(metavar="REGION", help="AWS region. Default: in samconfig.toml.")
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Set a template parameter; may be repeated."),
    ] = None,
    role: Annotated[
        str | None, typer.Option(metavar="ARN", help="IAM role for CloudFormation to deploy with.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Deploy without showing the changes first.")] = False,
) -> None:
    """Build and deploy to AWS. Asks for a name and a region the first time."""
    check_build()
    from darkroom_cli import deploy as command

    with aws_faults():
        command.deploy(stack, region, parameter or [], role, not yes, terminal())


@app.command()
def destroy(
    stack: Annotated[str, typer.Option(metavar="NAME", help="Name of the stack in AWS.")],
    region: Region = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    everything: Annotated[
        bool, typer.Option("--everything", help="Also delete the originals, the ledger and pushed profiles.")
    ] = False,
) -> None:
    """Delete a stack in AWS. Originals, ledger and pushed profiles are kept."""
    from darkroom_cli import destroy as command

    with aws_faults():
        account = command.Account.of(region_or_default(region))
        command.destroy(account, stack, everything, None if yes else prompt, terminal())


profiles = Commands("Show, check or deploy a rendering profile.")
app.add_typer(profiles, name="profile")
ProfileFile = Annotated[Path, typer.Argument(metavar="FILE", help="A profile's JSON file.")]


@profiles.command("show")
def show_profile(stack: Stack = None, region: Region = None) -> None:
    """Print the live profile with its hash, version and deployment time."""
    from darkroom_cli.profile import show

    with connect(stack, region) as status:
        typer.echo(show(status))


@profiles.command("check")
def check_profile(file: ProfileFile) -> None:
    """Check a profile's file, and list its errors by line."""
    from darkroom_cli.profile import check

    _, profile = check(file)
    typer.echo(f"{file} is a valid profile: {profile.name} ({profile.hash}).")


@profiles.command("push")
def push_profile(file: ProfileFile, stack: Stack = None, region: Region = None) -> None:
    """Check a profile's file and make it the live profile, without deploying the stack."""
    from darkroom_cli.profile import check, push

    document, profile = check(file)
    with connect(stack, region) as status:
        version = push(status, document, terminal())
    typer.echo(f"{profile.name} ({profile.hash}) is the live profile, version {version}.")
    typer.echo("Running functions load it within 45 s.")


tokens = Commands("Create, list or revoke access tokens.")
app.add_typer(tokens, name="token")


@tokens.command("new")
def new_token(stack: Stack = None, region: Region = None) -> None:
    """Create a token and print it once. The previous token stays valid; older tokens do not."""
    from darkroom_cli.tokens import tokens_of

    with connect(stack, region) as status:
        tokens_of(status).new()


@tokens.command("first")
def first_token(stack: Stack = None, region: Region = None) -> None:
    """Create a stack's first token and print it. Does nothing if the stack ever had a token."""
    from darkroom_cli.tokens import ensure_first_token

    with connect(stack, region) as status:
        ensure_first_token(status)


@tokens.command("list")
def list_tokens(stack: Stack = None, region: Region = None) -> None:
    """List the ids of the valid tokens and their creation times."""
    from darkroom_cli.tokens import tokens_of

    with connect(stack, region) as status:
        tokens_of(status).list()


@tokens.command("revoke")
def revoke_token(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="An id from `darkroom token list`.")],
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask for confirmation if this is the only valid token.")
    ] = False,
    stack: Stack = None,
    region: Region = None,
) -> None:
    """Revoke a token and its cookies. Takes effect within 30 s."""
    from darkroom_cli.tokens import tokens_of

    with connect(stack, region) as status:
        tokens_of(status).revoke(token_id, confirmation(yes=yes))


@app.command()
def demo() -> None:
    """Upload sample pictures to the local stack and check the results."""
    check_build()
    from darkroom_cli.local.demo import demo as command

    command(LocalStack.of(os.environ), terminal())


if __name__ == "__main__":
    main()
