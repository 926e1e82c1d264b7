"""`dsk image verify` on the image, and on one that somebody changed by hand."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.image.engine import NAMES, Image, docker

DSK = str(Path(sys.executable).with_name("dsk"))
LIMIT_S = 900
SITE = "/opt/venv/lib/python3.11/site-packages"
PARSER = "/opt/llamafactory/src/llamafactory/hparams/parser.py"
TAMPERED = f"{NAMES}:tampered"
METADATA = r"Metadata-Version: 2.1\nName: gradio\nVersion: 5.0\n"
CHANGES = rf"""
FROM @IMAGE@
RUN sed -i 's/^Version: .*/Version: 9.9.9/' {SITE}/tqdm-*.dist-info/METADATA \
 && rm -r {SITE}/xxhash-*.dist-info \
 && mkdir {SITE}/gradio-5.0.dist-info \
 && printf '{METADATA}' >{SITE}/gradio-5.0.dist-info/METADATA \
 && sed -i '/^Package: pdsh$/,/^$/s/^Version: .*/Version: 9.9-1/' /var/lib/dpkg/status \
 && printf '\ndef read_args(args=None):\n    return []\n' >>{PARSER} \
 && rm {SITE}/deepspeed/ops/adam/cpu_adam_op.*.so \
 && echo '# by hand' >>{SITE}/peft/__init__.py
"""
DOCUMENT = Path(__file__).parents[2] / "docs/image.md"
DOCUMENTED = f"{NAMES}:documented"
OTHER_DEBIAN = r"sed -i '/^Package: pdsh$/,/^$/s/^Version: .*/Version: 9.9-1/' /var/lib/dpkg/status"
FLASH_ATTN = "2.8.3"

pytestmark = pytest.mark.timeout(LIMIT_S)


def verify(reference: str, *options: str, code: int) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [DSK, "image", "verify", "--here", "--image", reference, *options],
        capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    return done


def findings(done: subprocess.CompletedProcess[str]) -> dict[tuple[str, str], tuple[Any, Any]]:
    (place,) = json.loads(done.stdout)["places"]
    return {(f["kind"], f["subject"]): (f["here"], f["wanted"]) for f in place["findings"]}


@pytest.fixture(scope="module")
def tampered(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("tampered")
    (folder / "Dockerfile").write_text(CHANGES.replace("@IMAGE@", image.reference))
    docker("build", "--network=none", "--tag", TAMPERED, str(folder))
    yield TAMPERED
    docker("image", "rm", TAMPERED)


def test_the_image_is_as_locked(image: Image) -> None:
    said = verify(image.reference, code=0).stdout
    assert "as locked" in said
    assert "read_args, ops for CPU, ops for CUDA proved" in said


def test_every_change_is_named(tampered: str) -> None:
    found = findings(verify(tampered, "--json", code=1))
    here, wanted = found["package", "tqdm"]
    assert here == "9.9.9" and wanted != here
    assert found["package", "xxhash"][0] is None
    assert found["package", "gradio"] == ("5.0", None)
    assert found["debian", "pdsh"][0] == "9.9-1"
    assert ("file", PARSER) in found
    assert ("content", "id") in found
    assert any("cpu_adam_op" in subject for _, subject in found)
    assert "read_args gave []" in found["proof", "read_args"][0]
    assert "cpu_adam does not load" in found["proof", "ops for CPU"][0]
    assert "cpu_adam does not load" in found["proof", "ops for CUDA"][0]
    assert ("file", f"{SITE}/peft/__init__.py") not in found


def documented(image: Image) -> str:
    """What docs/image.md tells to add to the image: another Debian package, and flash-attn."""
    blocks = re.findall(r"(?:^    .*\n)+", DOCUMENT.read_text(), re.MULTILINE)
    recipes = [re.sub("^    ", "", each, flags=re.M) for each in blocks if "FROM dsk:" in each]
    with_debian, flash_attn = recipes
    written = with_debian[with_debian.index("RUN dpkg-query") :]
    _, _, with_wheel = flash_attn.partition("\n")
    return f"FROM {image.reference}\nRUN {OTHER_DEBIAN}\n{written}{with_wheel}"


def stand_in_wheel(folder: Path) -> None:
    about = f"flash_attn-{FLASH_ATTN}.dist-info"
    files = {
        "flash_attn/__init__.py": "",
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: flash-attn\nVersion: {FLASH_ATTN}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{about}/RECORD"] = "".join(f"{name},,\n" for name in (*files, f"{about}/RECORD"))
    with zipfile.ZipFile(folder / f"flash_attn-{FLASH_ATTN}-py3-none-any.whl", "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)


def test_what_is_added_as_documented_is_all_that_is_named(image: Image, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(documented(image))
    stand_in_wheel(tmp_path)
    docker("build", "--network=none", "--tag", DOCUMENTED, str(tmp_path))
    try:
        found = findings(verify(DOCUMENTED, "--json", code=1))
    finally:
        docker("image", "rm", DOCUMENTED)
    assert found == {("package", "flash-attn"): (FLASH_ATTN, None)}


@pytest.mark.full
def test_a_file_of_a_package_is_found_by_deep(image: Image, tampered: str) -> None:
    verify(image.reference, "--deep", code=0)
    found = findings(verify(tampered, "--deep", "--json", code=1))
    assert "not as its package" in found["altered", f"{SITE}/peft/__init__.py"][0]


def test_an_image_that_is_not_dsks(image: Image) -> None:
    base = docker("image", "inspect", image.reference, "--format", "{{json .Config.Labels}}")
    name = json.loads(base.stdout)["org.opencontainers.image.base.name"]
    assert "it is not an image of dsk" in verify(name, code=1).stderr


def test_no_such_image() -> None:
    said = verify("dsk:never-built", code=1).stderr
    assert "the image dsk:never-built is missing there" in said
