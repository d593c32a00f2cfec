"""Lets all workers of the local stack's functions share one copy of each package.

MiniStack 1.5.33 unpacks a function and its layers again for each worker: 45 MB. Runs in MiniStack's
environment, so it imports only the standard library.
"""

from hashlib import sha256
from pathlib import Path
from tempfile import mkdtemp
from threading import Lock
from zipfile import ZipFile


def sharing(folder: Path) -> type[ZipFile]:
    """Returns a ZipFile that unpacks files of equal content only once, into `folder`, and links to them.

    Lambda's packages are read-only, so no worker notices.
    """
    lock = Lock()

    class SharedZipFile(ZipFile):
        def extractall(self, path: str, members: None = None, pwd: None = None) -> None:  # type: ignore[override]
            content = Path(str(self.filename)).read_bytes()
            unpacked = folder / sha256(content).hexdigest()
            with lock:
                if not unpacked.exists():
                    folder.mkdir(exist_ok=True)
                    partial = mkdtemp(dir=folder)
                    super().extractall(partial, members, pwd)
                    Path(partial).rename(unpacked)
            Path(path).rmdir()
            Path(path).symlink_to(unpacked)

    return SharedZipFile
