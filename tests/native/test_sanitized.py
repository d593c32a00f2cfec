"""The native code under AddressSanitizer and UBSan."""

from pathlib import Path

import pytest

from tests.native import sanitized


@pytest.mark.skipif(sanitized.compiler() is None, reason="neither gcc nor clang is installed")
@pytest.mark.parametrize("part", sanitized.PARTS)
def test_random_pictures_cause_no_fault(part: str, tmp_path: Path) -> None:
    done = sanitized.run(sanitized.build(part, tmp_path), seed=1, rounds=20)

    assert (done.returncode, done.stdout + done.stderr) == (0, "")
