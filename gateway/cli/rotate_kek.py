"""`gateway rotate-kek`: replace the key-encrypting key while the gateway serves, or without it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import click
from msgspec import Struct
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gateway.cli.local import ACTOR, Local, run_local
from gateway.cli.options import local_options, show
from gateway.cli.signals import NotSignalled, tell_reload
from gateway.config.system_clock import SystemClock
from gateway.rotation.kek import RotationHeld, Step, Surroundings, find_rotation
from gateway.rotation.rewrap import Progress as Told, Rewrapped
from gateway.store.lock import FileLock, make_private_dir
from gateway.vault.key_files import key_sources

_MOST_NAMED = 20


class _Outcome(Struct, frozen=True):
    """What a call did."""

    to: int
    resumed: bool
    done: Rewrapped
    ring_file: Path | None


@click.command()
@local_options
@click.option(
    "--step",
    type=click.Choice([step.value for step in Step]),
    help="One step alone: for rings that you distribute yourself, and for several replicas.",
)
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(0, 3_600),
    default=60.0,
    show_default=True,
    help="Seconds that a step waits for all processes of the gateway.",
)
def command(
    config_path: Path | None,
    data_dir: Path,
    as_json: bool,  # click passes options by name
    step: str | None,
    wait_s: float,
) -> None:
    """Replace the key-encrypting key: add a new one, promote it, rewrap all data keys, retire the old.

    Serving goes on. A call that was cut short is finished by the next one. Back the key ring up
    afterwards: backups of the store made before need the old one.
    """
    steps = list(Step) if step is None else [Step(step)]
    with FileLock(make_private_dir(data_dir) / "rotate.lock") as lock, _bar() as told:
        if not lock.try_exclusive():
            _fail("another rotate-kek is at work")

        async def work(local: Local) -> _Outcome:
            return await _rotate(local, data_dir, steps, wait_s, told)

        try:
            outcome = run_local(config_path, data_dir, work)
        except (RotationHeld, NotSignalled) as error:
            _fail(str(error))
    show(_shown(outcome, steps), as_json=as_json)
    if outcome.ring_file is not None:
        click.echo(
            f"Back {outcome.ring_file} up again, apart from the data: the key in it is new.",
            err=True,
        )


async def _rotate(
    local: Local, data_dir: Path, steps: list[Step], wait_s: float, told: Told
) -> _Outcome:
    keys = local.snapshot.config.keys
    place = Surroundings(
        store=local.store,
        vault=local.vault,
        keeper=local.keeper,
        source=key_sources(keys, data_dir).kek,
        clock=SystemClock(),
        reload=lambda: tell_reload(data_dir),
        progress=told,
        wait_s=wait_s,
    )
    rotation = await find_rotation(place)
    done = Rewrapped()
    for step in steps:
        done += await rotation.do(step)
        await local.audit.record(ACTOR, f"kek.{step}", str(rotation.to))
    return _Outcome(rotation.to, rotation.resumed, done, local.keeper.ring_file)


@contextmanager
def _bar() -> Iterator[Told]:
    """Yield what is told of the progress: a bar on a terminal, nothing elsewhere."""
    console = Console(stderr=True)
    columns = (TextColumn("rewrapping"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("users", total=None, visible=False)

        def told(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total, visible=True)

        yield told


def _shown(outcome: _Outcome, steps: list[Step]) -> dict[str, Any]:
    unreadable = sorted(outcome.done.unreadable)
    return {
        "to": outcome.to,
        "resumed": outcome.resumed,
        "steps": [step.value for step in steps],
        "rewrapped": outcome.done.data_keys,
        "unreadable": len(unreadable),
        "unreadable_users": unreadable[:_MOST_NAMED],
    }


def _fail(message: str) -> NoReturn:
    click.echo(f"gateway: {message}", err=True)
    sys.exit(1)
