"""/etc/passwd and /etc/group of a worker that is not root (passwd(5), group(5))."""

from __future__ import annotations

from dsk.cluster.model import User

HOME = "/var/lib/dsk/home"
"""In the image, with the modes of /tmp: whoever the user is, it is its own there."""


def passwd(login: str, user: User) -> str:
    """The first line of a number counts: the user may have that of one of Debian's."""
    return (
        "root:x:0:0:root:/root:/bin/bash\n"
        f"{login}:x:{user.uid}:{user.gid}::{HOME}:/bin/bash\n"
        "sshd:x:100:65534::/run/sshd:/usr/sbin/nologin\n"
        "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
    )


def group(login: str, user: User) -> str:
    """`tty` is the engine's number for terminals: sshd, not being root, can hand them out only as
    they are."""
    return f"root:x:0:\n{login}:x:{user.gid}:\ntty:x:5:\nnogroup:x:65534:\n"
