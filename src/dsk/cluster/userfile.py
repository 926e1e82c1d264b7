"""Text that a user wrote: its encoding, and characters that cannot be seen. Pure."""

from __future__ import annotations

import codecs
import unicodedata

from dsk.errors import UserError
from dsk.text import Text

_NAMES = {0xA0: "no-break space", 0xFEFF: "byte order mark", 0x3000: "full-width space"}
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def decode(raw: bytes, name: str) -> str:
    """UTF-8 with or without its mark. Raises UserError with the line and how to convert it."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        encoding = "UTF-16" if raw.startswith(_UTF16) else "GBK"
        raise UserError(
            Text("is not UTF-8: byte 0x{byte}").filled(byte=f"{raw[error.start]:02x}"),
            where=f"{name}:{line}",
            fix=Text("convert it, for example: iconv -f {encoding} -t UTF-8 {name}").filled(
                encoding=encoding, name=name
            ),
        ) from error


def invisible(text: str) -> str | None:
    """The first character that looks like a blank, or like nothing, and is neither a blank nor a
    tab."""
    return next((char for char in text if _is_invisible(char)), None)


def shown(char: str) -> str:
    """`U+00A0 (no-break space)`."""
    name = _NAMES.get(ord(char)) or unicodedata.name(char, "control character").lower()
    return f"U+{ord(char):04X} ({name})"


def refuse_invisible(line: str, where: str, part: str | None = None) -> None:
    """Raises UserError where `line`, or the part of it that counts, has such a character."""
    if char := invisible(line if part is None else part):
        raise UserError(
            Text("has an invisible character {shown} in column {column}").filled(
                shown=shown(char), column=line.index(char) + 1
            ),
            where=where,
            fix=Text("delete it and type the line again"),
        )


def _is_invisible(char: str) -> bool:
    if char in " \t\n\r" or (char.isascii() and char.isprintable()):
        return False
    return unicodedata.category(char) in ("Cc", "Cf", "Zs", "Zl", "Zp")
