"""What single values of dsk.yaml may hold: they end in shells, ssh options, compose files, paths.

Each check returns the value or raises ValueError with a Text: what is wrong, what to write. Pure.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from dsk import accelerators
from dsk.cluster import durations
from dsk.text import Text
from dsk.wire.notifications import EVENTS
from dsk.wire.notify import TargetKind

NAME_LENGTH = 30
INTERFACE_LENGTH = 15  # IFNAMSIZ without the final zero

_NAME = re.compile(r"[a-z](?:[a-z0-9-]*[a-z0-9])?")
# distribution/reference: an optional registry, path components, tag and digest.
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*"
_REGISTRY = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]+)?/)?"
_IMAGE = re.compile(
    rf"{_REGISTRY}{_COMPONENT}(?:/{_COMPONENT})*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})?"
    r"(?:@sha256:[0-9a-f]{64})?"
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# A directory's logins may have its domain: user@example.org.
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}(?:@[A-Za-z0-9_][A-Za-z0-9_.-]{0,252})?")
_IDS = re.compile(r"([1-9][0-9]{0,9}):(0|[1-9][0-9]{0,9})")
HIGHEST_ID = 2**31 - 1  # Docker's
_SSH_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}")
_TARGET = re.compile(r"(?:(?P<user>.*)@)?(?P<host>[^@:]*)(?::(?P<port>[0-9]{1,5}))?")
_INTERFACE = re.compile(rf"[A-Za-z0-9_][A-Za-z0-9_.-]{{0,{INTERFACE_LENGTH - 1}}}")
_SIZE = re.compile(r"[1-9][0-9]*(?:[kmg]b?|b)", re.IGNORECASE)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TARGET_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_-]{{0,{NAME_LENGTH - 1}}}")
_NOT_IN_URLS = re.compile(r"[\x00-\x20\x7f\\\"<>^`{|}]")
HIGHEST_PORT = 65535

# The workspace is mounted over the same path in the worker: it may not hide what that needs.
_PROTECTED = tuple(
    PurePosixPath(path)
    for path in (
        *("/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/proc", "/run", "/sbin"),
        *("/sys", "/usr", "/var/lib", "/var/run", "/opt/venv", "/opt/llamafactory", "/root/.ssh"),
    )
)

_LAUNCHER = Text("DeepSpeed's launcher sets it")
_INTERFACE_KEY = Text("each node has its own; write network: {{interface: NAME}} instead")
_RESERVED = {
    **dict.fromkeys(
        ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "LOCAL_SIZE"), _LAUNCHER
    ),
    **dict.fromkeys(("CROSS_RANK", "CROSS_SIZE"), _LAUNCHER),
    **dict.fromkeys(
        (accelerators.accelerator(name).visible_devices for name in accelerators.names()),
        Text("{why}; choose GPUs with slots: or dsk launch --node NODE:SLOTS").filled(
            why=_LAUNCHER
        ),
    ),
    "DS_ACCELERATOR": Text("write accelerator: instead"),
    "NCCL_SOCKET_IFNAME": _INTERFACE_KEY,
    "GLOO_SOCKET_IFNAME": _INTERFACE_KEY,
    **dict.fromkeys(("PATH", "HOME", "SHELL", "USER", "LD_PRELOAD"), Text("the image sets it")),
}
_RESERVED_PREFIXES = ("DSK_", "PDSH_", "SSH_")


def name(value: str) -> str:
    if not _NAME.fullmatch(value) or len(value) > NAME_LENGTH:
        text = Text(
            "{value!r} cannot be a cluster's name; write up to {length} lower-case letters, digits "
            "and dashes, a letter first"
        )
        raise ValueError(text.filled(value=value, length=NAME_LENGTH))
    return value


def image(value: str) -> str:
    if not _IMAGE.fullmatch(value):
        text = Text("{value!r} is not an image reference; write one such as dsk:cu128")
        raise ValueError(text.filled(value=value))
    return value


def workspace(value: str) -> str:
    path = PurePosixPath(value)
    if not path.is_absolute():
        text = Text("{value!r} is not absolute; write a path from the root: /{value}")
        raise ValueError(text.filled(value=value))
    if str(path) != (value.rstrip("/") or "/") or ".." in path.parts:
        text = Text("{value!r} is not a plain path; write it without .., . and double /")
        raise ValueError(text.filled(value=value))
    if _CONTROL.search(value) or ":" in value:
        text = Text("{value!r} contains a character that a mount cannot have; choose another path")
        raise ValueError(text.filled(value=value))
    for protected in _PROTECTED:
        if protected in path.parents:
            text = Text(
                "{value} is in {protected}, where the worker has the image's own files; write a "
                "folder elsewhere, such as /workspace"
            )
            raise ValueError(text.filled(value=value, protected=protected))
        if path == protected or path in protected.parents:
            text = Text(
                "{value} would hide {protected} in the worker; write a folder of its own, such as "
                "/workspace"
            )
            raise ValueError(text.filled(value=value, protected=protected))
    return str(path)


def host(value: str) -> str:
    """A node's address on the LAN."""
    try:
        address = ipaddress.IPv4Address(value)
    except ValueError:
        text = Text(
            "{value!r} is not an IPv4 address; write the node's LAN address (dsk init looks names "
            "up)"
        )
        raise ValueError(text.filled(value=value)) from None
    if (
        address.is_loopback
        or address.is_unspecified
        or address.is_multicast
        or address.is_reserved  # 255.255.255.255 and the rest of 240.0.0.0/4
    ):
        text = Text("other nodes cannot reach {value}; write the node's LAN address")
        raise ValueError(text.filled(value=value))
    return value


def user(value: str) -> str:
    if not _USER.fullmatch(value):
        raise ValueError(Text("{value!r} cannot be a login's name").filled(value=value))
    return value


def ids(value: str) -> str:
    """`uid:gid` of whom the workers run as."""
    found = _IDS.fullmatch(value)
    if not found or max(map(int, found.groups())) > HIGHEST_ID:
        if re.fullmatch(r"(0+|root)(:.*)?", value):
            raise ValueError(Text("without user, workers run as root; delete the line"))
        text = Text(
            "{value!r} is not uid:gid, two numbers; write what `id` shows on the servers, as in "
            '"1000:1000"'
        )
        raise ValueError(text.filled(value=value))
    return value


def split_target(value: str) -> tuple[str | None, str, int | None]:
    """`user@host:port`, user and port optional."""
    found = _TARGET.fullmatch(value)
    if not found or not _SSH_HOST.fullmatch(found["host"]):
        text = Text("{value!r} is not an SSH login; write user@host:port, or local")
        raise ValueError(text.filled(value=value))
    if found["user"] is not None:
        user(found["user"])
    number = int(found["port"]) if found["port"] else None
    if number is not None and not 1 <= number <= HIGHEST_PORT:
        text = Text("{value!r}: a port is a number from 1 to {highest}")
        raise ValueError(text.filled(value=value, highest=HIGHEST_PORT))
    return found["user"], found["host"], number


def target(value: str) -> str:
    if value != "local":
        split_target(value)
    return value


def key_file(value: str) -> str:
    if not value or _CONTROL.search(value):
        text = Text("{value!r} is not a path; write one such as ~/.ssh/id_ed25519")
        raise ValueError(text.filled(value=value))
    return value


def interface(value: str) -> str:
    if not _INTERFACE.fullmatch(value):
        text = Text("{value!r} is not an interface's name; write one such as eth0, or auto")
        raise ValueError(text.filled(value=value))
    return value


def accelerator(value: str) -> str:
    return accelerators.accelerator(value).name


def size(value: str) -> str:
    if not _SIZE.fullmatch(value):
        text = Text("{value!r} is not a size; write one such as 16gb")
        raise ValueError(text.filled(value=value))
    return value


def variable_name(value: str) -> str:
    if not _VARIABLE.fullmatch(value):
        raise ValueError(Text("is not a variable's name; write letters, digits and _"))
    return value


def variable(value: str) -> str:
    variable_name(value)
    if value in _RESERVED:
        raise ValueError(Text("cannot be set here: {why}").filled(why=_RESERVED[value]))
    if value.startswith(_RESERVED_PREFIXES):
        raise ValueError(Text("cannot be set here: dsk and ssh use it themselves"))
    return value


def variable_value(value: str) -> str:
    """The value stands in no message: it may be a secret."""
    if _CONTROL.search(value):
        text = Text("contains a line break or another control character; write it on one line")
        raise ValueError(text)
    return value


def target_name(value: str) -> str:
    if not _TARGET_NAME.fullmatch(value):
        text = Text("is not a name; write up to {length} letters, digits, - and _")
        raise ValueError(text.filled(length=NAME_LENGTH))
    return value


def notify_event(value: str) -> str:
    if value not in EVENTS:
        text = Text("is not an event that is sent; write some of {events}")
        raise ValueError(text.filled(events=", ".join(EVENTS)))
    return value


def webhook(value: str) -> str:
    """The URL stands in no message: whoever has it can write to the group."""
    try:
        parts = urlsplit(value)
        correct = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        correct = False
    if not correct or not value.isascii() or _NOT_IN_URLS.search(value):
        raise ValueError(Text("is not a URL; write one that begins with https://"))
    return value


UNSAFE = Text("the URLs of {kind} begin with https://")


def is_safe(kind: TargetKind, url: str) -> bool:
    """Whether the URL, a secret, is sent encrypted. A plain webhook may be in the cluster's own
    network."""
    return kind == "json" or urlsplit(url).scheme == "https"


def one_line(value: str) -> str:
    """The value stands in no message."""
    if _CONTROL.search(value) or value != value.strip():
        raise ValueError(Text("has blanks around it, or a control character; write it on one line"))
    return value


def file_name(value: str) -> str:
    if _CONTROL.search(value):
        raise ValueError(Text("is not a path; write one such as secrets/feishu-url"))
    return value


def word(value: str) -> str:
    """Of a command."""
    if "\0" in value:
        raise ValueError(Text("contains a null character, which no argument can have"))
    return value


def duration(text: str | None) -> str | None:
    if text is not None:
        durations.seconds(text)
    return text
