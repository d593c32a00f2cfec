"""What no single behaviour shows: what is not there to attack, and what is pinned. See docs/security.md."""

import re
import tomllib

import pytest

from darkroom.domain.tokens import Token, TokenSet
from tests.cloudformation import PROJECT
from tests.unit.test_walls import imports

PACKAGE = PROJECT / "layers/darkroom/darkroom"
MODULES = {str(path.relative_to(PACKAGE)): imports(path) for path in PACKAGE.rglob("*.py")}


def importing(*libraries: str) -> set[str]:
    """The modules of the package that import one of these, or a part of it."""
    return {
        module
        for module, imported in MODULES.items()
        if any(
            name == library or name.startswith(f"{library}.") for name in imported for library in libraries
        )
    }


def test_nothing_that_is_deployed_fetches_an_address_that_somebody_gave() -> None:
    fetching = ("urllib.request", "http", "requests", "aiohttp", "httpx", "urllib3", "socket", "ftplib")

    assert importing(*fetching) == set()


def test_what_lets_somebody_in_is_drawn_by_secrets_alone() -> None:
    sources = "".join((PACKAGE / module).read_text() for module in MODULES)

    assert importing("secrets") >= {
        "web/pictures.py",
        "services/jobs.py",
        "services/live.py",
        "domain/tokens.py",
    }
    # How long to wait, in which order, on which shelf: nothing that anybody is let in by.
    assert set(re.findall(r"\brandom\.(\w+)\(", sources)) <= {"random", "sample", "uniform", "choice"}
    assert not re.search(r"\buuid[135]\(|from random import", sources)


def test_nothing_that_is_deployed_starts_a_program_or_reads_python_objects_from_outside() -> None:
    assert importing("subprocess", "shelve", "marshal", "yaml") == set()
    assert importing("pickle") == {"imaging/child.py"}  # of its own fork


class Kept(str):
    """A text that can't be compared letter by letter."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        raise AssertionError("compared in a time that tells how much of it agrees")


def test_what_is_kept_of_a_token_is_compared_in_constant_time() -> None:
    made, key = "2026-01-02T03:04:05.678Z", "k" * 43
    [plain] = TokenSet(key).with_token("right", made).tokens
    access = TokenSet(Kept(key), (Token(Kept(plain.digest), made),))

    assert access.bearer("right")
    assert access.bearer("wrong") is None
    assert access.signed_in(access.cookie(access.tokens[0], 0), 1)
    assert access.signed_in(TokenSet(key).cookie(Token("0" * 64, made), 0), 1) is None


LOCK = tomllib.loads((PROJECT / "uv.lock").read_text())["package"]


def test_each_package_is_locked_by_its_hash() -> None:
    from_outside = [package for package in LOCK if "registry" in package["source"]]
    files = [
        file
        for package in from_outside
        for file in [*package.get("wheels", []), package.get("sdist")]
        if file
    ]

    assert len(from_outside) > 100
    assert {package["source"]["registry"] for package in from_outside} == {"https://pypi.org/simple"}
    assert all(re.fullmatch("sha256:[0-9a-f]{64}", file["hash"]) for file in files)


@pytest.mark.parametrize("layer", ["darkroom", "imaging"])
def test_each_package_of_a_layer_is_pinned_to_the_version_that_is_locked(layer: str) -> None:
    lines = (PROJECT / "layers" / layer / "requirements.txt").read_text().splitlines()
    locked = {(package["name"], package["version"]) for package in LOCK}

    assert lines
    for line in lines:
        name, _, version = line.partition(";")[0].strip().partition("==")
        assert (name, version) in locked
