"""The registry's process, from the first certificate to the end of standard input."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from dsk.agent.registry import link, tls
from dsk.agent.registry.fill import Filler
from dsk.agent.registry.storage import Storage, free_bytes
from dsk.wire.registry import Broken, Message, Opened, encode

RUN = Path("/run/dsk-registry")
DATA = Path("/var/lib/dsk-registry")
START_LIMIT_S = 20.0
STDIN = 0
PIPE_BYTES = 1 << 20

# Read-only: nobody pushes, as the files are written beside it.
CONFIG = """\
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage:
  filesystem: {{rootdirectory: {data}}}
  maintenance: {{readonly: {{enabled: true}}, uploadpurging: {{enabled: false}}}}
http:
  addr: {address}
  tls:
    certificate: {cert}
    key: {key}
    clientcas: [{ca}]
    minimumtls: tls1.2
"""


def serve(host: str, repository: str, platform: str, diff_ids: Sequence[str], image: Path) -> int:
    """Takes `docker save`'s stream from `image`, and serves it at `host` until stdin ends.

    So whoever started it, or the connection to them, keeps it alive. Returns the exit code.
    """
    end = threading.Thread(target=_end_with_stdin, daemon=True)
    end.start()
    try:
        certificates = tls.make(RUN, host)
        with _registry(host, certificates) as address:
            opened = Opened(
                address,
                certificates.ca.read_text(),
                certificates.client.cert.read_text(),
                certificates.client.key.read_text(),
            )
            certificates.client.key.unlink()
            _say(opened)
            with image.open("rb", buffering=0) as stream:
                with contextlib.suppress(OSError):  # a file, in tests
                    fcntl.fcntl(stream, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
                storage = Storage(DATA, repository, compress=not link.is_fast(host))
                Filler(storage, diff_ids, platform, _say).fill(stream)
            end.join()
    except tarfile.TarError:
        _say(Broken("docker save broke off"))
    except FileNotFoundError as error:
        _say(Broken(f"{error.filename} is missing: the image is of an older dsk"))
    except OSError as error:
        _say(Broken(f"{error.strerror or error} ({free_bytes(DATA) / 1e9:.1f} GB are free)"))
    except (ValueError, RuntimeError) as error:
        _say(Broken(str(error)))
    else:
        return 0
    return 1


def _end_with_stdin() -> None:
    while os.read(STDIN, 1 << 16):
        pass
    # Process 1 of its container: everything else in it ends as well.
    os._exit(0)


def _say(message: Message) -> None:
    print(encode(message), flush=True)


@contextlib.contextmanager
def _registry(host: str, certificates: tls.Certificates) -> Iterator[str]:
    """docker-registry at a free port of `host`; yields its address."""
    with socket.create_server((host, 0)) as probe:
        port = probe.getsockname()[1]
    address = f"{host}:{port}"
    config = RUN / "config.yml"
    config.write_text(
        CONFIG.format(
            data=DATA,
            address=address,
            cert=certificates.server.cert,
            key=certificates.server.key,
            ca=certificates.ca,
        )
    )
    argv = ["docker-registry", "serve", str(config)]
    with subprocess.Popen(argv, stdout=sys.stderr) as process:
        try:
            _wait(process, host, port)
            yield address
        finally:
            process.kill()


def _wait(process: subprocess.Popen[bytes], host: str, port: int) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"docker-registry does not listen on {host}:{port}")
