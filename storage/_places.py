"""Places that only their owner can enter: modes that no umask changes, no symbolic links, and no network file systems unless allowed.

A home is one user's (folders 0700, files 0600) unless its folder has the mode 2770, which makes it a group's (2770 and 0660): made by
`mkdir home; chgrp monitoring home; chmod 2770 home`. The folder itself says so, and all processes that use it agree.
"""

from __future__ import annotations

__all__ = ["Modes", "make_folder", "modes_in", "network_filesystem", "trusted_in"]

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_SHARED = 0o2770
# Types of file systems on which `flock` and O_APPEND do not mean what the log needs, as /proc/self/mountinfo names them.
_NETWORK = frozenset(
    {  # as the kernel and the usual FUSE drivers name them
        "9p", "afs", "ceph", "cifs", "coda", "davfs", "gfs2", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "smb3",
        "smbfs", "fuse.ceph", "fuse.cephfs", "fuse.davfs2", "fuse.gcsfuse", "fuse.glusterfs", "fuse.goofys", "fuse.rclone", "fuse.s3fs",
        "fuse.sshfs",
    }
)


class Modes(NamedTuple):
    """The modes of folders and of files."""

    folder: int
    file: int


_OWN, _GROUP = Modes(0o700, 0o600), Modes(_SHARED, 0o660)


def modes_in(home: Path) -> Modes:
    """The modes of what is made in a home: a group's where the home's own mode is exactly 2770, else its owner's alone."""
    with suppress(OSError):
        if stat.S_IMODE(home.stat().st_mode) == _SHARED:
            return _GROUP
    return _OWN


def trusted_in(folder: Path) -> frozenset[int]:
    """The users whose files in a folder are read: this process's, and the folder's owner. Raises OSError."""
    return frozenset((os.geteuid(), folder.stat().st_uid))


def make_folder(path: Path, mode: int = _OWN.folder) -> None:
    """Make a folder, and those above it that are missing, with modes that do not depend on the umask. One that is there stays as it is."""
    if os.path.lexists(path):
        return
    make_folder(path.parent)
    try:
        path.mkdir(mode=0o700)  # never more open than at last, not even for a moment
    except FileExistsError:
        return
    path.chmod(mode)


def network_filesystem(device: int) -> str | None:
    """The type of the network file system that has this device number; None for a local one, and where the system does not tell."""
    wanted = f"{os.major(device)}:{os.minor(device)}".encode()
    try:
        mounts = Path("/proc/self/mountinfo").read_bytes()
    except OSError:
        return None
    return _type_of(wanted, mounts)


def _type_of(device: bytes, mounts: bytes) -> str | None:
    """The type of `device` in the text of a mountinfo (proc(5): after the lone dash stands the type), if it is a network's."""
    for line in mounts.splitlines():
        fields = line.split(b" ")
        if len(fields) > 2 and fields[2] == device and b"-" in fields:
            kind = fields[fields.index(b"-") + 1].decode("ascii", "replace")
            return kind if kind in _NETWORK else None
    return None
