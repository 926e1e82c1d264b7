"""One worker's agent as the supervisor knows it: by one connection, which may be replaced."""

from __future__ import annotations

import contextlib
import shlex
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from dsk.errors import DskError, JobFailed, Unreachable
from dsk.supervisor.connection import Connection, Ended, NoAnswer
from dsk.supervisor.runtime import Remedies
from dsk.text import Text
from dsk.wire.jobspec import JobNode
from dsk.wire.operations import AskIdentity, Close
from dsk.wire.request import Request
from dsk.wire.session import AGENT_HANGS, NO_AGENT
from dsk.wire.templates import read_text

A = TypeVar("A")

ABANDON_LIMIT_S = 25.0
"""A login, and 12 s at most for all that it ends."""
FIRST_ANSWER_LIMIT_S = 40.0
"""For a worker's first login and the start of its agent: a cold disk, or a slow name service, may
take 20 s over them."""


def agent_command(*words: str, job: str, workspace: str) -> list[str]:
    """`dsk-agent WORDS` as ssh takes it: sshd hands it to a shell, and the workspace is the one
    word that may need quotes."""
    return ["dsk-agent", *words, "--job", job, "--workspace", shlex.quote(workspace)]


class AgentGone(Unreachable):
    """The worker answers, but the job's agent is no longer there."""


class AgentHangs(Unreachable):
    """The worker answers, but the job's agent does not run: it is stopped, or waits in the
    kernel."""


class Worker:
    """`agent` is the command that makes a connection's other end, `again` the one for later
    connections to the same agent; None where an agent lives as long as its connection.
    `lost` is set where the node is no longer waited for."""

    def __init__(
        self,
        node: JobNode,
        ssh_config: Path,
        agent: Sequence[str],
        *,
        remedies: Remedies,
        again: Sequence[str] | None = None,
    ) -> None:
        self.node = node
        self.lost = False
        self._ssh_config = ssh_config
        self._agent = agent
        self._again = again
        self._remedies = remedies
        self._replacing = threading.Lock()
        self._answered = False
        self._connection = Connection(node.host, ssh_config, agent)

    @property
    def name(self) -> str:
        return f"node{self.node.index} ({self.node.host})"

    def ask(self, request: Request[A], *, limit: float | None = None) -> A:
        """The agent's answer. Raises Unreachable where none comes within `limit` seconds, by
        default the request's own (the first: FIRST_ANSWER_LIMIT_S at least), JobFailed where the
        agent refuses."""
        raw = self._answer(request.to_raw(), request.limit_s if limit is None else limit)
        try:
            return request.read_answer(raw)
        except ValueError as error:
            raise JobFailed(
                Text("its agent is of another version of dsk: {error}").filled(error=str(error)),
                where=self.name,
                fix=self._remedies.difference,
            ) from error

    def _answer(self, question: Mapping[str, Any], limit: float) -> Any:
        connection = self._connection
        if not self._answered:
            limit = max(limit, FIRST_ANSWER_LIMIT_S)
        try:
            reply = connection.ask(question, limit)
        except NoAnswer as error:
            raise Unreachable(error.text, where=self.name) from None
        except Ended as error:
            raise self._unreachable(error) from None
        self._answered = True
        if "error" in reply:
            raise self._refused(reply)
        return reply["result"]

    def ask_again(self, request: Request[A], *, limit: float) -> A:
        """As `ask`, over a new connection that replaces the current one."""
        if self._again is None:
            return self.ask(request, limit=limit)
        self._answered = True
        self._connect(self._again)
        return self.ask(request, limit=limit)

    def _connect(self, agent: Sequence[str]) -> None:
        with self._replacing:
            self._connection.kill()
            try:
                self._connection = Connection(self.node.host, self._ssh_config, agent)
            except OSError as error:
                text = Text("ssh cannot be started: {error}").filled(error=str(error))
                raise Unreachable(text, where=self.name) from error

    def rejoin(self, job: str, *, limit: float) -> bool:
        """Connect once more to a node that was lost; whether its agent is a new one, which has no
        lock yet. Raises Unreachable; then ask again later."""
        try:
            self.ask_again(AskIdentity(), limit=limit)
        except AgentGone:
            self._connect(self._agent)
            self.ask(AskIdentity(), limit=limit)
            is_new = True
        except AgentHangs:
            self.end_without_agent(job)
            raise
        else:
            is_new = False
        self.lost = False
        return is_new

    def end_without_agent(self, job: str) -> int:
        """Ends the job there though its agent does not run; how many processes did not end. Raises
        Unreachable."""
        words = ["ssh", "-T", "-F", str(self._ssh_config), "--", self.node.host]
        try:
            done = subprocess.run(
                [*words, "dsk-agent", "end", "--with-agent", job],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=ABANDON_LIMIT_S,
                check=False,
                start_new_session=True,
            )
            return int(done.stdout)
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            text = Text("its agent hangs and cannot be ended: {error}")
            raise Unreachable(text.filled(error=str(error))) from None

    def close(self) -> None:
        """The agent ends what its job left in the worker, then itself; one that cannot be asked
        does so when its lease is over."""
        if self.lost:
            self._connection.kill()
            return
        if self._again is not None:
            with contextlib.suppress(DskError):
                self.ask(Close())
        self._connection.close()

    def _unreachable(self, ended: Ended) -> Unreachable:
        if ended.code == NO_AGENT:
            return AgentGone(ended.text, where=self.name)
        if ended.code == AGENT_HANGS:
            return AgentHangs(ended.text, where=self.name)
        return Unreachable(ended.text, where=self.name, fix=self._fix(str(ended)))

    def _refused(self, reply: dict[str, Any]) -> JobFailed:
        busy = reply.get("busy")
        if not busy:
            said = reply.get("text", str(reply["error"]))
            return JobFailed(read_text(said, "error"), where=self.name)
        return JobFailed(
            Text("job {job} is running here").filled(job=busy),
            where=self.name,
            fix=Text(
                "wait for it (dsk logs -f {job}) or stop it (dsk stop {job}); if its supervisor "
                "is gone it ends by itself within 30 s"
            ).filled(job=busy),
        )

    def _fix(self, text: str) -> Text:
        if "Host key verification failed" in text or "IDENTIFICATION HAS CHANGED" in text:
            return self._remedies.host_key
        if "Permission denied" in text:
            return self._remedies.login
        return self._remedies.connection
