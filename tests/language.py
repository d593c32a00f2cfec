"""Measures the language of the code: `python -m tests.language`, part of `make check`.

Prints the share of docstring summaries with a relative clause, and of those that begin with a question
word. Fails if either share is over its limit, or if an identifier is a word that the glossary replaced.
"""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[1]
FOLDERS = ("layers", "functions", "cli", "bench")

MAX_RELATIVE = 0.15
MAX_QUESTION = 0.02

_RELATIVE = re.compile(r"\b(that|what|which|who|whoever|whatever|whether)\b", re.IGNORECASE)
_QUESTION = re.compile(r"(What|Whether|Who|Whoever|Of|How|If)\b")
_SENTENCE_END = re.compile(r"[.;:](?:\s|$)")
_DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef

# Words that no identifier may contain, and the term that the glossary has for each.
REPLACED = {
    "answers": "response",
    "busy": "lease",
    "claim": "conditional write",
    "develop": "render",
    "discreet": "redact",
    "discretion": "redaction",
    "gate": "auth",
    "gave_up": "failed",
    "given_up": "failed",
    "gives_way": "superseded",
    "kills_its_child": "DecoderProcessDied",
    "killed_its_child": "DecoderProcessDied",
    "mail": "queue message",
    "out_of_time": "DeadlineExceeded",
    "overtaken": "superseded",
    "parked": "failed",
    "patience": "retry, backoff, max_age_seconds or timeout",
    "patient": "retry",
    "second_chance": "RetryOnce",
    "shelf": "shard",
    "shelves": "shard",
    "standing": "live versions",
    "stands": "live versions",
    "stay_clear": "lease",
    "yardstick": "ssimulacra2",
}
# Words that are no identifier by themselves; as a part of one they may mean something else.
REPLACED_ALONE = {
    "each": "the noun of the thing",
    "given": "the noun of the thing",
    "over": "expected_revision",
    "said": "the noun of the thing",
    "site": "LocalStack, or routes",
    "told": "the noun of the thing",
}


@dataclass(frozen=True, slots=True)
class Docstring:
    """The first sentence of one docstring, and its place."""

    place: str
    summary: str


def docstrings(path: Path) -> Iterator[Docstring]:
    """The summaries of a module, its classes and its functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, _DOCUMENTED) and (text := ast.get_docstring(node)):
            paragraph = text.split("\n\n")[0].replace("\n", " ")
            line = getattr(node, "lineno", 1)
            yield Docstring(f"{path}:{line}", _SENTENCE_END.split(paragraph)[0])


def replaced_identifiers(path: Path) -> Iterator[str]:
    """Identifiers that contain a word which the glossary replaced, as `path:line: name -> term`."""
    for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
        if token.type == tokenize.NAME:
            name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", token.string).lower().strip("_")
            terms = [term for word, term in REPLACED.items() if re.search(rf"(^|_){word}(_|$)", name)]
            if alone := REPLACED_ALONE.get(name):
                terms.append(alone)
            yield from (f"{path}:{token.start[0]}: {token.string} -> {term}" for term in terms)


def main(folders: list[Path]) -> int:
    """Prints both shares and every identifier to replace; the exit code."""
    paths = [path for folder in folders for path in sorted(folder.rglob("*.py"))]
    found = [docstring for path in paths for docstring in docstrings(path)]
    relative = [docstring for docstring in found if _RELATIVE.search(docstring.summary)]
    question = [docstring for docstring in found if _QUESTION.match(docstring.summary)]
    identifiers = [name for path in paths for name in replaced_identifiers(path)]
    print(f"docstring summaries with a relative clause: {len(relative) / len(found):.1%} of {len(found)}")
    print(f"docstring summaries that begin with a question word: {len(question) / len(found):.1%}")
    if "--list" in sys.argv:
        print("\n".join(f"{docstring.place}: {docstring.summary}" for docstring in relative))
    print("\n".join(identifiers) or "no identifier that the glossary replaced")
    too_many = len(relative) > MAX_RELATIVE * len(found) or len(question) > MAX_QUESTION * len(found)
    return 1 if too_many or identifiers else 0


if __name__ == "__main__":
    named = [Path(name) for name in sys.argv[1:] if not name.startswith("--")]
    raise SystemExit(main(named or [PROJECT / folder for folder in FOLDERS]))
