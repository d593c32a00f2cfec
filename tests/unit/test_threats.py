"""Threats to the code as a whole: forbidden imports, pinned dependencies. See docs/security.md."""

import re
import tomllib

import pytest

from darkroom.domain.tokens import Token, TokenSet
from tests.cloudformation import PROJECT
from tests.unit.test_walls import imports

PACKAGE = PROJECT / "layers/darkroom/darkroom"
MODULES = {str(path.relative_to(PACKAGE)): imports(path) for path in PACKAGE.rglob("*.py")}


def importing(*libraries: str) -> set[str]:
    """Modules of the package with an import of one of these libraries or their submodules."""
    return {
        module
        for module, imported in MODULES.items()
        if any(
            name == library or name.startswith(f"{library}.") for name in imported for library in libraries
        )
    }


def test_deployed_code_imports_no_http_client() -> None:
    fetching = ("urllib.request", "http", "requests", "aiohttp", "httpx", "urllib3", "socket", "ftplib")

    assert importing(*fetching) == set()


def test_credentials_are_generated_by_the_secrets_module() -> None:
    sources = "".join((PACKAGE / module).read_text() for module in MODULES)

    assert importing("secrets") >= {
        "web/pictures.py",
        "services/jobs.py",
        "services/live.py",
        "domain/tokens.py",
    }
    # Jitter, order and shards: none of it grants access.
    assert set(re.findall(r"\brandom\.(\w+)\(", sources)) <= {"random", "sample", "uniform", "choice"}
    assert not re.search(r"\buuid[135]\(|from random import", sources)


def test_deployed_code_starts_no_program_and_unpickles_no_foreign_data() -> None:
    assert importing("subprocess", "shelve", "marshal", "yaml") == set()
    assert importing("pickle") == {"imaging/child.py"}  # from its own child process


class Stored(str):
    """A text without `==`: its duration depends on the content."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        raise AssertionError("not compared in constant time")


def test_tokens_and_cookies_are_compared_in_constant_time() -> None:
    made, key = "2026-01-02T03:04:05.678Z", "k" * 43
    [plain] = TokenSet(key).with_token("right", made).tokens
    tokens = TokenSet(Stored(key), (Token(Stored(plain.digest), made),))

    assert tokens.bearer("right")
    assert tokens.bearer("wrong") is None
    assert tokens.signed_in(tokens.cookie(tokens.tokens[0], 0), 1)
    assert tokens.signed_in(TokenSet(key).cookie(Token("0" * 64, made), 0), 1) is None


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


@pytest.mark.parametrize(
    "file", ["darkroom/requirements.txt", "imaging/requirements.txt", "imaging/libjxl.txt"]
)
def test_each_package_of_a_layer_is_pinned_to_its_locked_version(file: str) -> None:
    lines = (PROJECT / "layers" / file).read_text().splitlines()
    locked = {(package["name"], package["version"]) for package in LOCK}

    assert lines
    for line in lines:
        name, _, version = line.partition(";")[0].strip().partition("==")
        assert (name, version) in locked
