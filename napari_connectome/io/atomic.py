"""Writing a file so that it is there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from napari_connectome.core.errors import InputError


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A stream into a temporary file of the same folder that takes the place of `path` when all went well.

    Whatever is raised inside, the temporary file goes and an old file stays as it was. What the system refuses (folder
    missing or read-only, disk full) is one sentence.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise InputError(f"there is no folder {target.parent}: make it first or choose another one.")
    if target.is_dir():
        raise InputError(f"{target} is a folder: choose the name of a file.")
    if target.exists() and not os.access(target, os.W_OK):
        raise InputError(f"{target} is write-protected: choose another name.")
    temporary = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.part")
    try:
        with open(temporary, "xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        if target.exists():
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            reason = error.strerror or str(error) or type(error).__name__
            raise InputError(f"{target} cannot be written ({reason}): free some space or choose another folder.") from error
        raise
