"""No memory of ours in core files."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.supervisor.serving import serving

SHOW = """
import ctypes, resource, sys
from gateway.supervisor.dumps import forbid_core_dumps
libc = ctypes.CDLL(None)
before = libc.prctl(3, 0, 0, 0, 0) if sys.platform == "linux" else None
resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
forbid_core_dumps()
after = libc.prctl(3, 0, 0, 0, 0) if sys.platform == "linux" else None
print(resource.getrlimit(resource.RLIMIT_CORE), before, after)
"""
COMMAND = """
import sys
from gateway.cli import main
import gateway.cli
sys.argv = ["gateway", "--version"]
try:
    main()
except SystemExit:
    pass
import ctypes, resource
print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
"""
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="prctl(2) is Linux's")


def run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.splitlines()[-1]


@linux_only
def test_b18_a_process_that_forbids_them_writes_no_core_file() -> None:
    """B-18. The limit cannot be raised again, and the process is not dumpable."""
    assert run(SHOW) == "(0, 0) 1 0"


@linux_only
def test_b18_the_command_line_forbids_them() -> None:
    """B-18."""
    assert run(COMMAND) == "(0, 0) 0"


@linux_only
def test_b18_parent_workers_and_store_forbid_them(tmp_path: Path) -> None:
    """B-18. The store has the limit from its starter; it holds nothing that is not sealed."""
    with serving(tmp_path, workers=2) as gateway:
        store = int((gateway.data_dir / "store" / "server.lock").read_text())
        for pid in (gateway.process.pid, *gateway.ready.worker_pids, store):
            limits = Path(f"/proc/{pid}/limits").read_text()
            line = next(each for each in limits.splitlines() if each.startswith("Max core"))
            assert line.split()[4:6] == ["0", "0"]
        assert gateway.dumpable == 0
        assert {worker["dumpable"] for worker in gateway.workers().values()} == {0}
