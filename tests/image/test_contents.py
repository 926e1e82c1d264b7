"""What is in the image, and what is not."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import dsk
from tests.image.engine import Image, docker, inspect

ROOT = Path(__file__).parents[2]
STACKS = ROOT / "stacks"
OWN_LAYER_LIMIT = 8_000_000
NO_NETWORK = ("--network=none",)

# Keys that a library carries to test itself with, published with its source.
PUBLISHED_KEYS = re.compile(r"libgnutls(-[0-9a-f]+)?\.so\.30\.[0-9.]+$")


@pytest.fixture(scope="module")
def files(image: Image) -> dict[str, Any]:
    answer: dict[str, Any] = image.script("files.py", options=NO_NETWORK)
    return answer


def read(image: Image, path: str) -> str:
    return image.run(["cat", path], options=NO_NETWORK).stdout


# ---- no secret -------------------------------------------------------------------------------


def test_no_private_key_in_any_file(files: dict[str, Any]) -> None:
    assert "/usr/sbin/sshd" in files["scanned"]  # It holds the header: the search does find.
    keys = [path for path in files["private_keys"] if not PUBLISHED_KEYS.search(path)]
    assert keys == []


def test_no_host_key(files: dict[str, Any]) -> None:
    assert files["host_keys"] == []


def test_no_secret_in_the_history_or_the_settings(image: Image) -> None:
    history = docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", image.reference).stdout
    config = json.dumps(inspect(image.reference)["Config"])
    for text in (history, config):
        assert "PRIVATE KEY" not in text
        assert not re.search(r"://[^/\s@]+@", text), "a user name or password in an address"
        assert not re.search(r"(?i)(token|password|secret|api_?key)\s*[=:]\s*\S", text)


# ---- what it is ------------------------------------------------------------------------------


def test_labels(image: Image) -> None:
    labels = inspect(image.reference)["Config"]["Labels"]
    wanted = ("title", "version", "revision", "source", "licenses", "base.name", "base.digest")
    for name in wanted:
        assert labels.get(f"org.opencontainers.image.{name}"), name
    assert labels["org.opencontainers.image.title"] == "dsk"


def test_the_stack_is_what_its_files_ask_for(stack: dict[str, Any]) -> None:
    folder = STACKS / stack["name"]
    words = shlex.split((folder / "stack.env").read_text(), comments=True)
    settings = dict(word.split("=", 1) for word in words)
    assert stack["llamafactory"] == settings["LLAMAFACTORY_VERSION"]
    assert stack["deepspeed"] == settings["DEEPSPEED_VERSION"]
    assert stack["train_entry"] == settings["TRAIN_ENTRY"].split()
    locked = dict(re.findall(r"^(\S+)==(\S+)", (folder / "requirements.txt").read_text(), re.M))
    for package in ("torch", "transformers", "accelerate", "datasets", "peft", "trl"):
        assert stack[package] == locked[package].partition("+")[0], package


def test_the_checked_in_recipe_keys_are_the_images(image: Image, stack: dict[str, Any]) -> None:
    checked_in = STACKS / stack["name"] / "recipe-keys.json"
    assert checked_in.read_text() == read(image, "/etc/dsk/recipe-keys.json")


def test_the_content_id_is_the_same_in_every_container(image: Image) -> None:
    command = ["sh", "-c", "cat /etc/dsk/content-id && dsk-agent content-id"]
    said = image.run(command, options=NO_NETWORK).stdout.splitlines()
    said += image.run(command, options=NO_NETWORK).stdout.splitlines()
    assert len(said) == 4
    assert len(set(said)) == 1
    assert re.fullmatch("sha256:[0-9a-f]{64}", said[0])


def test_its_own_layer_is_last_and_small(image: Image) -> None:
    """So that a new dsk travels to the servers in a moment. Sizes unpacked: on the way, less."""
    shown = docker(
        "history", "--no-trunc", "--human=false", "--format", "{{.Size}} {{.CreatedBy}}",
        image.reference,
    ).stdout  # fmt: skip
    layers = [(int(line.split()[0]), line) for line in shown.splitlines()]
    own = [size for size, line in layers if "dsk_train-*.whl" in line or "entrypoint /usr" in line]
    first_two = [size for size, _ in layers if size][:2]
    assert own == first_two
    assert sum(own) < OWN_LAYER_LIMIT


@pytest.fixture
def two_versions(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The image without a stack, which ends as every image does, of this dsk and of the next."""
    references = tuple(f"dsk-imagetest:{os.getpid()}-{name}" for name in ("this", "next"))
    for reference, version in zip(references, (dsk.__version__, "99.0.0"), strict=True):
        tree = tmp_path / version
        shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".*cache*", ".venv", ".git"))
        line = tree / "src/dsk/__init__.py"
        line.write_text(line.read_text().replace(dsk.__version__, version))
        build = [str(tree / "scripts/build-image.sh"), "--no-stack", f"--tag={reference}"]
        done = subprocess.run(build, capture_output=True, text=True, timeout=500, check=False)
        assert done.returncode == 0, done.stderr
    yield references[0], references[1]
    docker("image", "rm", *references)


@pytest.mark.timeout(600)
def test_a_new_version_of_dsk_is_nothing_but_its_own_layers(two_versions: tuple[str, str]) -> None:
    this, next_ = (inspect(reference)["RootFS"]["Layers"] for reference in two_versions)
    assert this[:-1] == next_[:-1]
    assert this[-1] != next_[-1]


# ---- what it can do --------------------------------------------------------------------------


def test_programs(image: Image) -> None:
    names = "pdsh tini rsync py-spy docker-registry ssh ssh-keygen dsk-agent dsk-supervisor gcc ip"
    script = f"for name in {names} /usr/sbin/sshd; do command -v $name || echo no $name; done"
    said = image.run(["sh", "-c", script], options=NO_NETWORK).stdout
    assert "no " not in said
    pdsh = image.run(["pdsh", "-L"], options=NO_NETWORK).stdout
    assert "rcmd/ssh" in pdsh


def test_no_compiler_but_the_one_that_triton_calls(image: Image) -> None:
    """For C, with Python's headers; docs/image.md says how to get a worker with more."""
    names = " -o ".join(f"-name '{name}'" for name in ("*g++*", "cc1plus", "nvcc", "cicc", "cmake"))
    found = image.run(["sh", "-c", f"find / -xdev -type f -perm /111 \\( {names} \\)"]).stdout
    assert found == ""
    compile_module = (
        "printf '#include <Python.h>\\nint answer(void) { return 42; }\\n' >/tmp/a.c"
        ' && include="$(python -c "import sysconfig; print(sysconfig.get_path(\'include\'))")"'
        ' && gcc /tmp/a.c -O3 -shared -fPIC "-I$include" -o /tmp/a.so'
        " && python -c 'import ctypes; print(ctypes.CDLL(\"/tmp/a.so\").answer())'"
    )
    assert image.run(["bash", "-c", compile_module], options=NO_NETWORK).stdout == "42\n"


def test_dsk_is_installed_without_its_tests_and_with_its_assets(image: Image) -> None:
    script = (
        "from importlib.resources import files; import dsk; print(dsk.__version__);"
        "print(sorted(path.name for path in files('dsk.assets').iterdir()))"
    )
    version, assets = image.run(["python", "-c", script]).stdout.splitlines()
    assert (
        version == inspect(image.reference)["Config"]["Labels"]["org.opencontainers.image.version"]
    )
    assert {"compose", "stacks"} <= set(re.findall(r"'([^']+)'", assets))


def test_every_python_file_is_compiled(files: dict[str, Any]) -> None:
    assert files["not_compiled"] == []


@pytest.mark.parametrize(
    ("accelerator", "ops"), [("cpu", {"cpu_adam", "deepspeed_shm_comm"}), ("cuda", {"cpu_adam"})]
)
def test_ops_load_without_a_compiler_and_without_a_network(
    image: Image, accelerator: str, ops: set[str]
) -> None:
    """No GPU is needed: `cuda` has its own way of choosing an op, and cpu_adam runs on the CPU."""
    answer = image.script("ops.py", options=NO_NETWORK, env={"DS_ACCELERATOR": accelerator})
    assert answer["loaded"].keys() == ops
    assert all(path.endswith(".so") for path in answer["loaded"].values())
    assert answer["step"] == pytest.approx([0.9] * 64, abs=1e-6)


def test_ops_hold_no_avx512(image: Image) -> None:
    # As scripts/image/only-avx2 does when the image is built.
    avx512 = "%zmm|%k[0-7]|%[xy]mm(1[6-9]|2[0-9]|3[01])"
    script = (
        "find /opt/venv/lib/python3*/site-packages/deepspeed -name '*.so' -exec objdump -d {} +"
        f" >/tmp/code; grep -c %ymm /tmp/code; grep -cE '{avx512}' /tmp/code"
    )
    avx2_lines, avx512_lines = image.run(["sh", "-c", script], check=False).stdout.split()
    assert int(avx2_lines) > 0
    assert int(avx512_lines) == 0
