"""Errors of the command line."""

UNAVAILABLE = 69  # sysexits.h


class Fault(Exception):
    """A command's error: one sentence with the remedy, and the exit code."""

    def __init__(self, sentence: str, exit_code: int = 1) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code


class Terminated(BaseException):
    """SIGTERM: raised in the main thread, so that everything started is ended on the way out."""

    EXIT_CODE = 143
