"""Errors of the command line."""

# Exit codes: sysexits.h, and a shell's after Ctrl-C.
DATA_ERROR, NO_INPUT, UNAVAILABLE, INTERNAL_ERROR, CANNOT_CREATE, BAD_CONFIGURATION = 65, 66, 69, 70, 73, 78
INTERRUPTED = 130

NO_CREDENTIALS = "No AWS credentials were found; configure them with `aws configure` or `aws sso login`."


class Fault(Exception):
    """A command's error: one sentence with the remedy, and the exit code."""

    def __init__(self, sentence: str, exit_code: int = 1) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code


class Terminated(BaseException):
    """SIGTERM: raised in the main thread, so that everything started is ended on the way out."""

    EXIT_CODE = 143
