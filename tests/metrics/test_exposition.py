"""`/metrics` is valid in both formats, and adds up over workers, the dead ones included."""

import fcntl
import json
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from gateway.endpoints.exposition import OPENMETRICS, TEXT, locked, render, wants_openmetrics
from gateway.supervisor.retire import retire_counts

PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (PROMETHEUS_2, True),
        ("application/openmetrics-text", True),
        ("Application/OpenMetrics-Text; version=1.0.0; charset=utf-8", True),
        ("application/openmetrics-text;version=9.9.9;escaping=allow-utf-8", True),
        ("application/openmetrics-text;q=0.5, text/plain;q=0.5", True),
        ("application/openmetrics-text;q=0.4, text/plain", False),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text;q=nonsense", False),
        ("text/plain;version=1.0.0", False),
        ("*/*", False),
        ("", False),
        (",;,;;q=,", False),
    ],
)
def test_the_format_is_the_one_that_is_asked_for(accept: str, expected: bool) -> None:
    assert wants_openmetrics(accept) is expected


Sample = tuple[str, frozenset[tuple[str, str]]]


def key(metric: str, sample: str, labels: Mapping[str, str]) -> str:
    """A series as prometheus-client names it in a worker's file."""
    return json.dumps([metric, sample, labels, "What it is."], sort_keys=True)


def write(path: Path, series: Mapping[str, float]) -> None:
    """Write a worker's file."""
    file: Any = MmapedDict(str(path))  # type: ignore[no-untyped-call]
    for name, value in series.items():
        file.write_value(name, value, 0.0)
    file.close()


def leave_counts(home: Path, pid: int, calls: float) -> None:
    """Leave the files of a worker that has answered `calls` calls and answers one."""
    write(home / f"counter_{pid}.db", {key("calls", "calls_total", {"kind": "x"}): calls})
    write(home / f"gauge_livesum_{pid}.db", {key("open", "open", {}): 1.0})
    buckets = {key("time", "time_bucket", {"le": le}): calls for le in ("0.1", "+Inf")}
    write(home / f"histogram_{pid}.db", {**buckets, key("time", "time_sum", {}): calls / 2})


def scrape(home: Path, accept: str = "") -> dict[Sample, float]:
    """Scrape and read the answer strictly; by sample name and labels."""
    body, kind = render(home, accept)
    read = cast("Any", read_openmetrics if kind == OPENMETRICS else read_text)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in read(body.decode())
        for sample in family.samples
    }


def total(home: Path) -> float:
    """How many calls were counted."""
    return scrape(home).get(("calls_total", frozenset({("kind", "x")})), 0.0)


def test_counts_are_added_up_over_workers_in_both_formats(tmp_path: Path) -> None:
    leave_counts(tmp_path, 11, 3)
    leave_counts(tmp_path, 12, 4)

    text, strict = scrape(tmp_path), scrape(tmp_path, PROMETHEUS_2)

    assert text == strict
    assert text["calls_total", frozenset({("kind", "x")})] == 7
    assert text["open", frozenset()] == 2
    assert text["time_bucket", frozenset({("le", "0.1")})] == 7
    assert text["time_bucket", frozenset({("le", "+Inf")})] == 14  # buckets hold those below
    assert text["time_count", frozenset()] == 14
    assert text["time_sum", frozenset()] == 3.5
    assert render(tmp_path, "")[1] == TEXT
    assert render(tmp_path, PROMETHEUS_2)[0].endswith(b"# EOF\n")


def test_what_no_client_may_write_is_escaped_in_both_formats(tmp_path: Path) -> None:
    hostile = 'a"b\\c\nd{e="f"} 1\n# EOF\n'
    write(tmp_path / "counter_11.db", {key("calls", "calls_total", {"kind": hostile}): 1.0})
    for accept in ("", PROMETHEUS_2):
        assert scrape(tmp_path, accept) == {("calls_total", frozenset({("kind", hostile)})): 1.0}


def test_the_dead_keep_their_counts_and_lose_their_gauges_and_files(tmp_path: Path) -> None:
    leave_counts(tmp_path, 9, 1)
    for pid in range(100, 130):
        leave_counts(tmp_path, pid, 2)
        retire_counts(tmp_path, pid)
        retire_counts(tmp_path, pid)  # told twice, as after a message that was late

    samples = scrape(tmp_path)

    assert total(tmp_path) == 61
    assert samples["open", frozenset()] == 1
    assert samples["time_bucket", frozenset({("le", "0.1")})] == 61
    assert samples["time_sum", frozenset()] == 30.5
    names = {path.name for path in tmp_path.iterdir()} - {"lock"}
    alive = {"counter_9.db", "gauge_livesum_9.db", "histogram_9.db"}
    assert names == alive | {"counter_0.db", "histogram_0.db"}


def test_a_file_that_was_just_made_or_is_broken_takes_nothing_from_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    leave_counts(tmp_path, 11, 3)
    (tmp_path / "counter_12.db").write_bytes(b"")
    assert total(tmp_path) == 3
    retire_counts(tmp_path, 12)
    assert not (tmp_path / "counter_12.db").exists()

    (tmp_path / "histogram_13.db").write_bytes(b"\xff\x00\x00\x00" + b"\x00" * 4 + b"\x7f" * 300)
    retire_counts(tmp_path, 13)
    assert "the counts of worker 13 were not merged" in caplog.text
    assert (tmp_path / "histogram_13.db").exists()


def test_a_retirement_waits_for_a_scrape(tmp_path: Path) -> None:
    leave_counts(tmp_path, 11, 3)
    retiring = threading.Thread(target=retire_counts, args=(tmp_path, 11))
    with locked(tmp_path, fcntl.LOCK_SH):
        retiring.start()
        retiring.join(0.2)
        assert retiring.is_alive()
        with locked(tmp_path, fcntl.LOCK_SH):  # another scrape does not wait for it
            assert (tmp_path / "counter_11.db").exists()
    retiring.join(10)
    assert not (tmp_path / "counter_11.db").exists()


def test_no_scrape_counts_a_dying_worker_twice_or_not_at_all(tmp_path: Path) -> None:
    for pid in range(100, 140):
        leave_counts(tmp_path, pid, 1)
    seen: set[float] = set()
    done = threading.Event()

    def keep_scraping() -> None:
        while not done.is_set():
            seen.add(total(tmp_path))

    scraping = threading.Thread(target=keep_scraping)
    scraping.start()
    for pid in range(100, 140):
        retire_counts(tmp_path, pid)
    done.set()
    scraping.join(10)
    assert seen == {40.0}


@pytest.mark.parametrize("accept", ["", PROMETHEUS_2])
def test_a_thousand_series_of_four_workers_take_less_than_a_fifth_of_a_second(
    tmp_path: Path, accept: str
) -> None:
    series = {key("calls", "calls_total", {"kind": str(n)}): 1.0 for n in range(1_000)}
    for pid in range(4):
        write(tmp_path / f"counter_{pid}.db", series)
    assert render(tmp_path, accept)[0].count(b"\ncalls_total{") == 1_000
    used = []
    for _ in range(3):
        before = time.thread_time()  # what it costs, however busy the machine is
        render(tmp_path, accept)
        used.append(time.thread_time() - before)
    assert min(used) < 0.2
