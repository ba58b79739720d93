"""The file of a segment: how it is born, whether it is still where readers look for it, and who closes it."""

from __future__ import annotations

__all__ = ["SegmentFile", "born", "reason_of", "sync_folder"]

import errno
import fcntl
import os
import stat
from contextlib import suppress
from pathlib import Path

from storage._places import make_folder, modes_in, network_filesystem

NETWORK = "spool on a network file system"
_NOT_WRITABLE = "spool not writable"
_REASONS = {
    errno.ENOSPC: "disk full", errno.EDQUOT: "disk quota reached", errno.EFBIG: "file size limit reached",
    errno.EACCES: _NOT_WRITABLE, errno.EROFS: _NOT_WRITABLE, errno.EPERM: _NOT_WRITABLE,
    errno.ELOOP: "spool is a symbolic link", errno.ENOTDIR: "spool is not a folder",
}  # fmt: skip


class NetworkSpoolError(OSError):
    """The spool lies where locks and appending cannot be relied on."""


class SegmentFile:
    """An open segment. It is closed by whoever lets it go last: its writer, or a sync that is under way.

    `take` and `let_go` are called with the writer's lock held.
    """

    __slots__ = ("_identity", "_users", "fd", "path")

    def __init__(self, fd: int, path: Path) -> None:
        status = os.fstat(fd)
        self.fd, self.path, self._users = fd, path, 1
        self._identity = (status.st_dev, status.st_ino)

    def take(self) -> None:
        """Keep it open until `let_go`."""
        self._users += 1

    def let_go(self) -> None:
        """Close it, unless somebody else still has it."""
        self._users -= 1
        if self._users == 0:
            self.close()

    def close(self) -> None:
        """Close it whoever has it: in a forked child, whose parent keeps writing."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            with suppress(OSError):
                os.close(fd)

    def is_in_place(self) -> bool:
        """Whether readers find this very file in its folder, and no link leads there. Raises OSError where that cannot be seen."""
        try:
            if not stat.S_ISDIR(os.lstat(self.path.parent).st_mode):
                return False
            status = os.lstat(self.path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        return (status.st_dev, status.st_ino) == self._identity


def born(folder: Path, name: str, start: bytes, *, allow_network_fs: bool) -> SegmentFile:
    """A new segment: locked and with its first lines before it gets the name under which readers see it. Raises OSError."""
    modes = modes_in(folder.parent)
    make_folder(folder, modes.folder)
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if not allow_network_fs and network_filesystem(os.fstat(place).st_dev):
            raise NetworkSpoolError(NETWORK)
        unborn = f".{name}"
        fd = os.open(unborn, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=place)
        try:
            os.fchmod(fd, modes.file)  # whatever the umask
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.write(fd, start) != len(start):
                raise OSError(errno.ENOSPC, "short write")
            file = SegmentFile(fd, folder / name)
            os.rename(unborn, name, src_dir_fd=place, dst_dir_fd=place)
        except BaseException:
            with suppress(OSError):
                os.unlink(unborn, dir_fd=place)
            os.close(fd)
            raise
    finally:
        os.close(place)
    return file


def sync_folder(folder: Path) -> None:
    """Make the names in a folder last. Raises OSError."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def reason_of(error: Exception) -> str:
    """The word under which a failure of the disk is counted."""
    if isinstance(error, NetworkSpoolError):
        return NETWORK
    code = getattr(error, "errno", None)
    return _REASONS.get(code) or f"spool error {errno.errorcode.get(code or 0, type(error).__name__)}" if code else "spool path not valid"
