"""NVML is ended in the warm process and begun again in forks. A stand-in takes the library's place.

Out: [what was seen, ...] after it was initialised twice, as torch and DeepSpeed do; after its end;
in a fork; and in the parent after that. Each is {"threads", "open", "count"}: the process's
threads, whether the library's device file is open, and the answer to nvmlDeviceGetCount_v2.
"""

import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

FOLDER = Path("/tmp/nvml")
# Counts its users as NVIDIA's does, holds a file and a thread while there are any, and forgives
# more calls of nvmlShutdown than there were of nvmlInit.
SOURCE = """
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

static int users, file = -1, stop[2];
static pthread_t thread;

static void *wait_for_end(void *unused)
{
    char byte;
    read(stop[0], &byte, 1);
    return unused;
}

int nvmlInit_v2(void)
{
    if (users++ == 0) {
        file = open("/tmp/nvml/nvidia0", O_RDONLY | O_CREAT, 0600);
        pipe(stop);
        pthread_create(&thread, NULL, wait_for_end, NULL);
    }
    return 0;
}

int nvmlInit(void) { return nvmlInit_v2(); }

int nvmlShutdown(void)
{
    if (users && --users == 0) {
        write(stop[1], "x", 1);
        pthread_join(thread, NULL);
        close(file);
        close(stop[0]);
        close(stop[1]);
    }
    return 0;
}

int nvmlDeviceGetCount_v2(unsigned *count)
{
    *count = 7;
    return users ? 0 : 1;
}
"""


def look(library: ctypes.CDLL) -> dict[str, Any]:
    files = [os.path.realpath(entry) for entry in Path("/proc/self/fd").iterdir()]
    return {
        "threads": len(list(Path("/proc/self/task").iterdir())),
        "open": "/tmp/nvml/nvidia0" in files,
        "count": library.nvmlDeviceGetCount_v2(ctypes.byref(ctypes.c_uint())),
    }


def main() -> None:
    from dsk.warm import nvml

    seen: list[Any] = [nvml.end()]
    library = ctypes.CDLL(nvml.LIBRARY)
    library.nvmlInit()
    library.nvmlInit_v2()
    seen.append(look(library))
    users = nvml.end()
    seen += [users, look(library)]
    reading, writing = os.pipe()
    if os.fork() == 0:
        nvml.begin(users)
        os.write(writing, json.dumps(look(library)).encode())
        os._exit(0)
    os.wait()
    seen += [json.loads(os.read(reading, 1000)), look(library)]
    print(json.dumps(seen))


if "LD_LIBRARY_PATH" in os.environ:
    main()
else:
    FOLDER.mkdir()
    (FOLDER / "nvml.c").write_text(SOURCE)
    files = ["-o", str(FOLDER / "libnvidia-ml.so.1"), str(FOLDER / "nvml.c")]
    subprocess.run(["gcc", "-w", "-shared", "-fPIC", *files, "-lpthread"], check=True)
    again = [sys.executable, "-c", sys.argv[1], sys.argv[1]]
    os.execve(sys.executable, again, {**os.environ, "LD_LIBRARY_PATH": str(FOLDER)})
