"""Which entries a line could match: quickly, since logs are long and the catalogue is too. Pure.

Each pattern holds fixed text, and most fixed texts hold a word of their own. The words of a block
of a log are taken once, from one masked line of each form; only texts whose word is among them are
looked for in its lines.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from dsk.diagnose.entry import Entry
from dsk.diagnose.look import ENDED_WELL, FATAL, IGNORED, TERMINATE, Look
from dsk.diagnose.mask import masked_part

_NOT_LETTERS = bytes(
    byte if chr(byte).isascii() and (chr(byte).isalpha() or byte == ord("_")) else ord(" ")
    for byte in range(256)
)
_ERROR_ENDS = (b"Error", b"Exception", b"Interrupt", b"Exit")
_ALWAYS = (b"Traceback", *(text.encode() for text in (TERMINATE, FATAL, *IGNORED, *ENDED_WELL)))


class Index:
    def __init__(self, entries: Iterable[Entry]) -> None:
        self._by_text: dict[str, list[Entry]] = defaultdict(list)
        words: dict[str, str] = {}
        for entry in entries:
            for text, word in {(pattern.fixed, pattern.word) for pattern in entry.patterns}:
                self._by_text[text].append(entry)
                words[text] = word
        self._by_word: dict[bytes, list[str]] = defaultdict(list)
        self._without_word: list[str] = []
        for text, word in words.items():
            if word:
                self._by_word[word.encode()].append(text)
            else:
                self._without_word.append(text)
        self._parts = {text: masked_part(text.encode()) for text in words}
        self._active = list(words)

    def in_block(self, keys: Iterable[bytes]) -> bool:
        """Whether a block of masked lines tells anything; from then on `of_line` knows lines of it
        and of the one before only."""
        block = b"\n".join(set(keys))
        words = set(block.translate(_NOT_LETTERS).split())
        texts = [text for word in self._by_word.keys() & words for text in self._by_word[word]]
        texts += self._without_word
        active = [text for text in texts if self._parts[text] in block]
        if active != self._active:
            self._active = active
        return (
            bool(active)
            or any(word.endswith(_ERROR_ENDS) for word in words)
            or any(text in block for text in _ALWAYS)
        )

    def may_know(self, look: Look) -> list[str]:
        """The fixed texts that a line which looks like that may hold."""
        if look.active is not self._active:
            look.active = self._active
            look.possible = [fixed for fixed in self._active if self._parts[fixed] in look.key]
        return look.possible

    def of_line(self, text: str, look: Look) -> list[Entry]:
        """Each entry once, in the catalogue's order for one text."""
        possible = self.may_know(look)
        if not possible:
            return []
        texts = [self._by_text[fixed] for fixed in possible if fixed in text]
        return list({entry.id: entry for entries in texts for entry in entries}.values())
