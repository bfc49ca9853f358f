"""Writing a file so that it is there whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from napari_connectome.core.errors import InputError


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A stream into a temporary file of the same folder that takes the place of `path` when all went well.

    Whatever is raised inside, the temporary file goes and an old file stays as it was. A link stays a link: the file it
    leads to is replaced. What the system refuses (folder missing or read-only, disk full) is one sentence.
    """
    target = Path(os.path.realpath(path))
    require_folder(target.parent)
    if os.path.isdir(target):
        raise InputError(f"{target} is a folder: choose the name of a file.")
    if os.path.exists(target) and not os.access(target, os.W_OK):
        raise InputError(f"{target} is write-protected: choose another name.")
    temporary = target.with_name(f".{target.name[:40]}.{secrets.token_hex(4)}.part")
    try:
        with open(temporary, "xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        if os.path.exists(target):
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise unwritable(target, error) from error
        raise


def require_folder(folder: Path) -> None:
    """Raise one sentence unless this is a folder that can be looked into."""
    try:
        found = stat.S_ISDIR(os.stat(folder).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        found = False
    except OSError as error:
        raise unwritable(folder, error) from error
    if not found:
        raise InputError(f"there is no folder {folder}: make it first or choose another one.")


def unwritable(target: Path, error: OSError) -> InputError:
    """What the system said when a file was to be written, and what helps against it."""
    reason = error.strerror or str(error) or type(error).__name__
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        advice = "you may not write there, so choose another folder"
    elif error.errno == errno.ENAMETOOLONG:
        advice = "choose a shorter name"
    elif error.errno in (errno.ENOSPC, errno.EDQUOT):
        advice = "free some space or choose another folder"
    else:
        advice = "choose another folder"
    return InputError(f"{target} cannot be written ({reason}): {advice}.")
