"""import-linter's contract `rooms`: a room of src/dsk imports only what pyproject.toml lists.

An import that is not listed is refused. So is a listed name that the room does not import: a list
that is longer than the imports would let the next import pass unseen.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any, cast

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output

ROOT = "dsk"


class TableField(fields.Field[dict[str, list[str]]]):
    """A table of lists."""

    def parse(self, raw_data: Any) -> dict[str, list[str]]:
        if not isinstance(raw_data, dict):
            raise fields.ValidationError("Expected a table of lists.")
        return {str(room): list(map(str, names)) for room, names in raw_data.items()}


class RoomsContract(Contract):
    """`may_import`: for each room the rooms and packages that its files may import, and which of
    the standard library's modules in `guarded`. The rest of the standard library needs no entry.
    `no_packages`: rooms that list no package, and only one another."""

    type_name = "rooms"

    may_import = TableField()
    guarded = fields.ListField(subfield=fields.StringField())
    no_packages = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: ARG002
        # import-linter replaces each field of the class by the value that it parsed.
        listed = cast("dict[str, list[str]]", self.may_import)
        found = imports(graph, guarded=cast("list[str]", self.guarded))
        problems = [*_rooms(found, listed), *_imports(found, listed)]
        problems += _packages(found, listed, cast("list[str]", self.no_packages))
        return ContractCheck(kept=not problems, metadata={"problems": problems})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for problem in check.metadata["problems"]:
            output.print_error(f"- {problem}", bold=False)
        output.new_line()


def imports(graph: ImportGraph, *, guarded: list[str]) -> dict[str, dict[str, str]]:
    """For each room what it imports, each with the first place where it does."""
    found: dict[str, dict[str, str]] = {
        child.partition(".")[2]: {} for child in graph.find_children(ROOT)
    }
    free = set(sys.stdlib_module_names) - set(guarded)
    for importer in sorted(graph.modules):
        room = _room(importer)
        if not room:
            continue
        for imported in sorted(graph.find_modules_directly_imported_by(importer)):
            name = _room(imported) or imported
            if name in (ROOT, room) or name in free:
                continue
            [first, *_] = graph.get_import_details(importer=importer, imported=imported)
            found[room].setdefault(name, f"{importer} (l.{first['line_number']})")
    return found


def _room(module: str) -> str:
    """Of a module in it; "" for every other."""
    root, _, rest = module.partition(".")
    return rest.partition(".")[0] if root == ROOT else ""


def _rooms(found: Mapping[str, Any], listed: Mapping[str, Any]) -> Iterator[str]:
    for room in sorted(found.keys() - listed.keys()):
        yield f"room {room} has no line in may_import"
    for room in sorted(listed.keys() - found.keys()):
        yield f"may_import has a line for {room}, which is no room"


def _imports(found: Mapping[str, dict[str, str]], listed: Mapping[str, list[str]]) -> Iterator[str]:
    for room in sorted(found.keys() & listed.keys()):
        for name in sorted(found[room].keys() - set(listed[room])):
            yield f"{found[room][name]}: {room} may not import {name}"
        for name in sorted(set(listed[room]) - found[room].keys()):
            yield f"{room} lists {name}, which it does not import"


def _packages(
    found: Mapping[str, Any], listed: Mapping[str, list[str]], rooms: list[str]
) -> Iterator[str]:
    for room in rooms:
        for name in listed.get(room, []):
            if name in found and name not in rooms:
                yield f"{room} lists {name}, whose packages would be imported with it"
            elif name not in found and name not in sys.stdlib_module_names:
                yield f"{room} lists the package {name}"
