"""How long `gateway demo` takes to its first answer, and what it holds: `make bench`.

Prints seconds from starting the command to the first answer, the PSS of all processes it started,
and the resident memory of a worker, after a number of requests. Linux only: reads /proc.
"""

import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

REQUESTS = 200
_LIMIT_S = 60


def main() -> None:
    """Run the demo three times in one data directory: the first run makes its keys."""
    with tempfile.TemporaryDirectory() as home:
        for run in ("first", "second", "third"):
            measure(run, Path(home))


def measure(run: str, home: Path) -> None:
    """Start the demo, ask it, and print what it took."""
    started = time.monotonic()
    command = [sys.executable, "-m", "gateway", "demo", "--data-dir", str(home), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as demo:
        try:
            url, token = _read_welcome(demo)
            ready = time.monotonic() - started
            with httpx.Client(base_url=url, trust_env=False, timeout=_LIMIT_S) as client:
                _ask(client, token)
                answered = time.monotonic() - started
                for _ in range(REQUESTS):
                    _ask(client, token)
            family = _family(demo.pid)
            total = sum(_kilobytes(pid, "smaps_rollup", "Pss") for pid in family)
            print(f"{run} start: ready in {ready:.2f} s, first answer after {answered:.2f} s")
            print(
                f"  PSS of {len(family)} processes after {REQUESTS} requests: {total / 1024:.0f} MB"
            )
            for pid in family:
                resident = _kilobytes(pid, "status", "VmRSS") / 1024
                print(f"  {resident:6.0f} MB resident  {_name(pid)}")
        finally:
            demo.send_signal(signal.SIGINT)
            demo.wait(_LIMIT_S)


def _read_welcome(demo: "subprocess.Popen[bytes]") -> tuple[str, str]:
    assert demo.stdout is not None
    text = ""
    for line in demo.stdout:
        text += line.decode()
        if "/v1/me/usage" in text:
            break
    url = re.search(r"http://[0-9.:]+", text)
    token = re.search(r"gw_u_\w+", text)
    if url is None or token is None:
        raise SystemExit("the demo did not start")
    return url[0], token[0]


def _ask(client: httpx.Client, token: str) -> None:
    body = {"messages": [{"role": "user", "content": "Hello!"}]}
    answer = client.post(
        "/v1/chat/completions", json=body, headers={"authorization": f"Bearer {token}"}
    )
    answer.raise_for_status()


def _family(pid: int) -> list[int]:
    """Return a process and everything below it; the embedded store is its own session leader."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            stat = (entry / "stat").read_text().rpartition(")")[2].split()
            parents[int(entry.name)] = int(stat[1])
    found = [pid]
    for child in sorted(parents):
        if parents[child] in found:
            found.append(child)
    return found


def _kilobytes(pid: int, file: str, field: str) -> int:
    text = Path(f"/proc/{pid}/{file}").read_text()
    match = re.search(rf"^{field}:\s+(\d+) kB", text, re.MULTILINE)
    return int(match[1]) if match else 0


def _name(pid: int) -> str:
    words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    return " ".join(word.rpartition("/")[2] for word in words[:5])


if __name__ == "__main__":
    main()
