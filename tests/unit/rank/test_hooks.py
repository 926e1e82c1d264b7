"""What the hooks change in the interpreter itself."""

from __future__ import annotations

import gc

from dsk.rank import hooks


def test_garbage_is_collected_again_but_not_among_what_was_loaded() -> None:
    hooks.load_without_collecting()
    try:
        assert not gc.isenabled()
        hooks.collect_again()
        assert gc.isenabled()
        assert gc.get_freeze_count() > 0
    finally:
        gc.enable()
        gc.unfreeze()
