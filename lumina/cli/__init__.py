"""The `lumina` command.

Exit codes: 0 done, 1 failed while running (or interrupted), 2 usage or configuration.
With --json one JSON document goes to standard output and nothing else; progress and
errors go to standard error.
"""

import os
import sys

import typer

from lumina.errors import ConfigError, LuminaError, UsageError

__all__ = ["main"]

FAILED, MISUSED = 1, 2
CLICK_INTERRUPTED = 130


def application() -> typer.Typer:
    """The command line, with every command registered."""
    from lumina.cli.bench import bench
    from lumina.cli.calibrate import calibrate
    from lumina.cli.campaign import campaign
    from lumina.cli.check import check
    from lumina.cli.devices import devices
    from lumina.cli.firmware import firmware
    from lumina.cli.run import run
    from lumina.cli.runs import report, runs, show

    app = typer.Typer(
        name="lumina",
        help=__doc__.splitlines()[0] if __doc__ else None,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    for command in (
        run,
        calibrate,
        campaign,
        check,
        devices,
        firmware,
        bench,
        runs,
        show,
        report,
    ):
        app.command()(command)
    return app


def main() -> None:
    """Entry point: run a command and leave with its exit code."""
    # One linear-algebra thread per process: seeds run side by side, and sums come out in
    # the same order every time. It only counts if set before numpy is loaded.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        application()()
    except (ConfigError, UsageError) as error:
        print(error, file=sys.stderr)
        sys.exit(MISUSED)
    except LuminaError as error:
        print(error, file=sys.stderr)
        sys.exit(FAILED)
    except SystemExit as leaving:
        if leaving.code != CLICK_INTERRUPTED:
            raise
        print("interrupted", file=sys.stderr)
        sys.exit(FAILED)
