"""Files of which one process at a time has the use: locks of the operating system.

They end with the process, however that ends: what a dead process left behind is never in the way.
"""

from __future__ import annotations

import errno
import os
import sys

_FAR = 2**20
"""Byte that Windows locks: far behind the text, which others may then still read."""


_UNKNOWN = {errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP}


def take(descriptor: int) -> bool:
    """Lock an open file for as long as it is open; False where another holds it.

    A file system that knows no locks (some network ones) lets everybody in.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, _FAR, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            # flock, not lockf: it also keeps two holders in the same process apart.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in _UNKNOWN
    return True
