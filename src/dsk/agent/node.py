"""What an agent answers about its node, whether or not ranks of the job run there."""

from __future__ import annotations

from dsk.agent import checkpoints, files, identity, jobfolder, needed, ports
from dsk.text import Text
from dsk.wire.checkpoints import SavedStep
from dsk.wire.operations import (
    AskIdentity,
    CountDevices,
    DeleteFiles,
    Devices,
    FindChanged,
    FindMissing,
    HashFiles,
    Identity,
    ListCheckpoints,
    ListFiles,
    Marker,
    PutFile,
    ReadFile,
    ReservePort,
    WriteFile,
)
from dsk.wire.request import Handlers
from dsk.wire.transfer import Listing


class Node:
    def __init__(self, workspace: str, job: str) -> None:
        self._workspace = workspace
        self._job = job
        self.handlers: Handlers = {
            AskIdentity: self.identity,
            CountDevices: self.count_devices,
            PutFile: self.put_file,
            FindChanged: self.find_changed,
            Marker: self.marker,
            FindMissing: self.find_missing,
            ListCheckpoints: self.list_checkpoints,
            ReadFile: self.read_file,
            WriteFile: self.write_file,
            ReservePort: self.reserve_port,
            ListFiles: self.list_files,
            HashFiles: self.hash_files,
            DeleteFiles: self.delete_files,
        }

    def identity(self, _: AskIdentity) -> Identity:
        return identity.identity(self._workspace)

    def count_devices(self, asked: CountDevices) -> Devices:
        return identity.accelerators(asked.kind)

    def put_file(self, asked: PutFile) -> str:
        return jobfolder.put(self._workspace, self._job, asked.name, asked.text)

    def find_changed(self, asked: FindChanged) -> tuple[str, ...]:
        return jobfolder.changed(self._workspace, self._job, asked.files)

    def marker(self, asked: Marker) -> bool:
        if asked.action == "remove":
            jobfolder.remove_marker(self._workspace, asked.name)
            return False
        return jobfolder.marker(self._workspace, asked.name, make=asked.action == "make")

    def find_missing(self, asked: FindMissing) -> tuple[Text, ...]:
        return needed.missing(asked.needed)

    def list_checkpoints(self, asked: ListCheckpoints) -> tuple[SavedStep, ...]:
        return checkpoints.saved(asked.folder, deep=asked.deep)

    def read_file(self, asked: ReadFile) -> str:
        return checkpoints.read_file(asked.path)

    def write_file(self, asked: WriteFile) -> None:
        checkpoints.write_file(asked.path, asked.data)

    def reserve_port(self, asked: ReservePort) -> int:
        return ports.reserve_port(asked.host)

    def list_files(self, asked: ListFiles) -> Listing:
        return files.survey(self._workspace, asked.paths)

    def hash_files(self, asked: HashFiles) -> tuple[str | None, ...]:
        return files.digests(self._workspace, asked.paths)

    def delete_files(self, asked: DeleteFiles) -> int:
        return files.delete(self._workspace, asked.paths)
