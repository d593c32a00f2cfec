"""The outcome of one picture of `darkroom render`."""

from dataclasses import dataclass

from darkroom.domain.serialization import JsonObject
from darkroom.web.pages.formatting import filesize, printable, savings
from darkroom_cli.results import ResultRow, sizes_at_full_width

RENDERED, UP_TO_DATE, REJECTED, FAILED = "rendered", "up to date", "rejected", "failed"
NO_RENDITION = "no rendition"
_LEFT_OUT = ("_skipped", "_short", "_dropped")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one picture: its receipt, a rejection, or the reason why there is neither.

    `no rendition` has a receipt without renditions: every format of the profile was left out.

    `origin` is the picture's path, and the names of its files begin with `stem`.
    """

    name: str
    origin: str
    status: str
    stem: str = ""
    receipt: JsonObject | None = None
    rejection: JsonObject | None = None
    fault: str = ""
    seconds: float = 0

    @classmethod
    def of_receipt(
        cls, name: str, origin: str, status: str, stem: str, receipt: JsonObject, seconds: float = 0
    ) -> "Outcome":
        """Returns the outcome `status`, or `no rendition` if that is so."""
        status = status if receipt["renditions"] else NO_RENDITION
        return cls(name, origin, status, stem, receipt=receipt, seconds=seconds)

    @property
    def problem(self) -> str:
        """The reason if there are no renditions, else empty."""
        if self.status == NO_RENDITION and self.receipt:
            decisions = self.receipt["decisions"]
            whys = [decision["why"] for decision in decisions if decision["code"].endswith(_LEFT_OUT)]
            return f"{self.status}: {' '.join(dict.fromkeys(whys))}"
        if self.rejection:
            return f"rejected ({self.rejection['reason']}): {self.rejection['sentence']}"
        return f"{self.status}: {self.fault}" if self.fault else ""

    @property
    def document(self) -> JsonObject:
        """The outcome as JSON values."""
        facts = self.receipt or self.rejection or {"sentence": self.fault}
        return {"status": self.status.replace(" ", "_"), "source": self.origin} | facts

    @property
    def result(self) -> ResultRow:
        """The picture's row in the table."""
        if self.receipt is None or self.problem:
            return ResultRow(self.name, self.status, is_problem=True)
        before = int(self.receipt["size_bytes"])
        after = before - int(self.receipt["saved_bytes"])
        return ResultRow(self.name, self.status, before, after, sizes_at_full_width(self.receipt))

    @property
    def line(self) -> str:
        """One line of text."""
        if self.receipt is None or self.problem:
            return printable(f"{self.name}: {self.problem}")
        row, percent = self.result, self.receipt["saved_percent"]
        done = f"{filesize(row.before)} became {filesize(row.after)}, {savings(percent)}"
        return printable(f"{self.name}: {done}{'' if self.status == RENDERED else f' ({self.status})'}")
