"""`image:` as a reference in a registry, which here stands for a public one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hosts import Lab
from hosts.node import Node
from tests.lab.cluster import Cluster
from tests.lab.conftest import SMALL

from dsk.agent.registry import tls

pytestmark = [pytest.mark.lab, pytest.mark.full, pytest.mark.timeout(900)]

PORT = 5443
USER, PASSWORD = "reader", "lab-only"
CONTAINER = "dsk-synctest-registry"
SERVE = (
    r"""
import crypt, pathlib, os
pathlib.Path("/run/htpasswd").write_text(
    "{}:" + crypt.crypt("{}", crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)) + "\n")
os.execvp("docker-registry", ["docker-registry", "serve", "/certs/config.yml"])
""".replace("{}", "%s")
    % (USER, PASSWORD)
)
CONFIG = """\
version: 0.1
storage: {filesystem: {rootdirectory: /var/lib/registry}}
auth: {htpasswd: {realm: lab, path: /run/htpasswd}}
http: {addr: "%s", tls: {certificate: /certs/server.crt, key: /certs/server.key}}
"""


@dataclass(frozen=True)
class Public:
    """A registry on the first host, whose own certificate both hosts' administrators installed."""

    lab: Lab
    name: str
    digest: str

    def login(self, node: Node) -> None:
        argv = ["docker", "login", "--username", USER, "--password-stdin", self.address]
        node.run(argv, stdin=PASSWORD)

    def logout(self, node: Node) -> None:
        node.run(["docker", "logout", self.address])

    @property
    def address(self) -> str:
        return self.name.partition("/")[0]


@pytest.fixture(scope="module")
def public(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Public]:
    first = lab.nodes[0]
    address = f"{first.host}:{PORT}"
    made = tmp_path_factory.mktemp("certs")
    tls.make(made, first.host)
    first.run(["mkdir", "-p", "/root/certs"])
    for name, text in {
        "config.yml": CONFIG % address,
        **{name: (made / name).read_text() for name in ("server.crt", "server.key")},
    }.items():
        first.run(["tee", f"/root/certs/{name}"], stdin=text)
    for node in lab.nodes:
        node.run(["mkdir", "-p", f"/etc/docker/certs.d/{address}"])
        node.run(
            ["tee", f"/etc/docker/certs.d/{address}/ca.crt"], stdin=(made / "ca.crt").read_text()
        )
    options = ["--detach", "--network", "host", "--name", CONTAINER, "-v", "/root/certs:/certs:ro"]
    first.docker("run", *options, SMALL, "python3", "-c", SERVE)
    found = Public(lab, f"{address}/team/dsk:1", "")
    try:
        first.run(
            [
                "sh",
                "-c",
                f"for i in $(seq 50); do curl -sk https://{address}/v2/ && break; sleep 0.2; done",
            ]
        )
        found.login(first)
        first.docker("tag", SMALL, found.name)
        pushed = first.docker("push", found.name)
        digest = next(w for w in pushed.split() if w.startswith("sha256:"))
        first.docker("image", "rm", found.name)
        found.logout(first)
        yield Public(lab, found.name, digest)
    finally:
        first.docker("rm", "--force", "--volumes", CONTAINER)
        for node in lab.nodes:
            node.run(["rm", "-rf", "/etc/docker/certs.d", "/root/certs", "/root/.docker"])


@pytest.fixture
def cluster(lab: Lab, public: Public, tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster.init(
        lab,
        tmp_path,
        [f"{node.host}:1" for node in lab.nodes],
        name="public",
        workspace="/workspace/public",
        worker_port=2301,
        image=public.name,
    )
    (made.folder / ".dsk").mkdir(exist_ok=True)
    (made.folder / ".dsk/known_hosts").write_text(lab.known_hosts.read_text())
    yield made
    made.dsk("down", "--force")
    for node in lab.nodes:
        public.logout(node)
        for name in (public.name, f"{public.name.rpartition(':')[0]}@{public.digest}"):
            node.docker("image", "rm", "--force", name, check=False)


# In this order: an engine that once pulled a digest needs no login for it again.


def test_a_node_without_a_login_gets_it_from_the_master(
    lab: Lab, public: Public, cluster: Cluster
) -> None:
    public.login(lab.nodes[0])
    out = cluster.dsk("up").out
    assert "cannot pull" in out and f"sending {public.name} from node0 to node1" in out


def test_a_reference_by_digest(lab: Lab, public: Public, cluster: Cluster) -> None:
    exact = f"{public.name.rpartition(':')[0]}@{public.digest}"
    cluster.change(image=exact)
    public.login(lab.nodes[0])
    refused = cluster.dsk("up", code=1)
    assert "node1" in refused.err and "name the image by a tag" in refused.err
    public.login(lab.nodes[1])
    cluster.dsk("up")


def test_each_node_pulls_by_digest_with_its_login(
    lab: Lab, public: Public, cluster: Cluster
) -> None:
    refused = cluster.dsk("up", code=1)
    assert "docker login" in refused.err and "node0" in refused.err
    for node in lab.nodes:
        public.login(node)
    out = cluster.dsk("up").out
    assert out.count(f"pulled {public.name.rpartition(':')[0]}@{public.digest}") == 2
    assert out.count("unchanged") == 0
    assert cluster.dsk("up").out.count("unchanged") == 2


def test_a_registry_that_does_not_answer(lab: Lab, public: Public, cluster: Cluster) -> None:
    lab.nodes[0].docker("stop", CONTAINER)
    try:
        done = cluster.dsk("up", code=3)
    finally:
        lab.nodes[0].docker("start", CONTAINER)
    assert "the registry does not answer" in done.err
    assert done.err.count("error:") == 1
