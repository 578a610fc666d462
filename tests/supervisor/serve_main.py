"""A `serve` for tests: settings as JSON in the first argument, the `Ready` report in a file."""

import logging
import sys
from pathlib import Path

import msgspec

from gateway.supervisor.run import run
from gateway.supervisor.settings import Ready, ServeSettings
from tests.supervisor.dumpable import dumpable


def report(ready: Ready) -> None:
    modules = sorted({name.partition(".")[0] for name in sys.modules})
    whole = Path(sys.argv[2])
    part = whole.with_suffix(".part")
    said = {"ready": ready, "modules": modules, "dumpable": dumpable()}
    part.write_bytes(msgspec.json.encode(said))
    part.rename(whole)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    sys.exit(run(msgspec.json.decode(sys.argv[1], type=ServeSettings), report))
