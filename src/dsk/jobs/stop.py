"""Ends a running job on all nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dsk.errors import JobFailed

if TYPE_CHECKING:
    from docker.models.containers import Container

LIMIT = 60.0
"""Seconds for the supervisor to end all ranks and itself; the agents need 10 of them at most."""


def request(master: Container) -> None:
    """Asks the supervisor to end its job, and returns at once."""
    from docker.errors import APIError

    try:
        master.kill(signal="SIGTERM")
    except APIError as error:
        if error.status_code != 409:  # it has just ended by itself
            raise


def stop(master: Container) -> None:
    """Returns once the job has ended everywhere. Raises JobFailed where the supervisor had to be
    killed: the agents then end their ranks by themselves."""
    from docker.errors import APIError
    from requests.exceptions import ConnectionError, ReadTimeout  # noqa: A004

    request(master)
    try:
        master.wait(timeout=LIMIT)
    except (ConnectionError, ReadTimeout) as error:
        try:
            master.kill(signal="SIGKILL")
        except APIError:
            return
        raise JobFailed(
            f"the supervisor did not end within {LIMIT:.0f} s and was killed",
            fix="the workers end what is left by themselves; look with dsk status",
        ) from error
