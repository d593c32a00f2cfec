"""`sam build` for both architectures: the native libraries in the layers match the processor."""

from importlib.util import cache_from_source
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection

MACHINES = {"x86_64": "EM_X86_64", "arm64": "EM_AARCH64"}
# The version on Amazon Linux 2023, on which Lambda's Python 3.13 runs.
GLIBC = (2, 34)


def test_native_libraries_match_the_architecture(built: tuple[str, Path]) -> None:
    architecture, folder = built
    libraries = native_libraries(folder)

    assert len(libraries) > 5
    for library in libraries:
        with library.open("rb") as file:
            assert ELFFile(file)["e_machine"] == MACHINES[architecture], library


def test_native_libraries_need_no_newer_glibc_than_that_of_lambda(built: tuple[str, Path]) -> None:
    _, folder = built
    needed = {(version, library.name) for library in native_libraries(folder) for version in glibc(library)}

    assert needed
    assert max(needed)[0] <= GLIBC, max(needed)


def test_function_and_layers_fit_into_lambda(built: tuple[str, Path]) -> None:
    """250 MB: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html."""
    _, folder = built
    parts = [folder / name for name in ("RenderFunction", "DarkroomLayer", "ImagingLayer")]
    files = [path for part in parts for path in part.rglob("*") if path.is_file()]

    assert 10_000_000 < sum(path.stat().st_size for path in files) < 250 * 1024 * 1024


def test_a_cold_start_compiles_nothing(built: tuple[str, Path]) -> None:
    """SAM dates all files 1980-01-01, so only bytecode that ignores the date is valid (PEP 552)."""
    _, folder = built
    modules = [path for layer in ("DarkroomLayer", "ImagingLayer") for path in (folder / layer).rglob("*.py")]
    kinds = {Path(cache_from_source(str(path))).read_bytes()[4:8] for path in modules}

    assert len(modules) > 300
    assert kinds == {b"\x01\0\0\0"}


def native_libraries(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*.so*") if path.is_file()]


def glibc(library: Path) -> list[tuple[int, ...]]:
    """The versions of glibc whose symbols a library uses."""
    with library.open("rb") as file:
        sections = [part for part in ELFFile(file).iter_sections() if isinstance(part, GNUVerNeedSection)]
        names = [symbols.name for part in sections for _, group in part.iter_versions() for symbols in group]
    versions = [name.removeprefix("GLIBC_") for name in names if name.startswith("GLIBC_")]
    return [tuple(map(int, version.split("."))) for version in versions]


def test_layers_contain_the_package_pillow_and_the_native_module(built: tuple[str, Path]) -> None:
    _, folder = built

    assert (folder / "DarkroomLayer/python/darkroom/domain/entries.py").is_file()
    assert (folder / "DarkroomLayer/python/darkroom/web/pages/templates/base.html").is_file()
    assert (folder / "ImagingLayer/python/PIL").is_dir()
    assert (folder / "ImagingLayer/python/darkroom_native.abi3.so").is_file()
    libjxl = sorted((folder / "ImagingLayer/python/imagecodecs.libs").iterdir())
    assert {path.name.split("-")[0].split(".")[0] for path in libjxl} == {
        "libbrotlicommon", "libbrotlidec", "libbrotlienc", "libjxl", "libjxl_cms", "liblcms2",
    }  # fmt: skip
    assert not list((folder / "ImagingLayer").rglob("numpy"))
    assert not list((folder / "DarkroomLayer").rglob("PIL"))
    assert {path.name for path in (folder / "RenderFunction").rglob("*.py")} == {"app.py"}
