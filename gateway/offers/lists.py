"""The providers' own lists of models, as each key sees them; held in memory for a while.

A list belongs to one key of one user, as it was saved: another secret, endpoint or setting is
another list. Lists got with the operator's key, or with none, are everybody's.

    held and fresh      used
    else                asked for, once however many want it, all of them at the same time
    no answer in time   the list as it was, or none; not asked again for a minute
"""

import asyncio
from collections import OrderedDict
from collections.abc import Hashable, Sequence

from msgspec import Struct

from gateway import metrics
from gateway.errors import GatewayError, RecordIntegrity, UpstreamError
from gateway.offers.asking import Asker, Inquiry
from gateway.offers.doors import probe_request
from gateway.providers.listing import ListedModel, list_request, read_list
from gateway.types.clock import Clock
from gateway.types.upstream import KeySource, UpstreamRequest

Models = tuple[ListedModel, ...]

_FRESH_S = 3600.0
_RETRY_S = 60.0
_MOST_MODELS = 100_000  # about 30 MB


class _Held(Struct, frozen=True):
    """A list in memory, and until when (monotonic) it is not asked for again."""

    models: Models
    until: float


class ModelLists:
    """Holds the lists of one worker, at most `most_models` models in all; the oldest make room."""

    def __init__(
        self,
        asker: Asker,
        clock: Clock,
        *,
        fresh_s: float = _FRESH_S,
        retry_s: float = _RETRY_S,
        most_models: int = _MOST_MODELS,
    ) -> None:
        self._asker = asker
        self._clock = clock
        self._fresh_s = fresh_s
        self._retry_s = retry_s
        self._most_models = most_models
        self._held: OrderedDict[Hashable, _Held] = OrderedDict()
        self._size = 0
        self._running: dict[Hashable, asyncio.Task[None]] = {}

    async def read(self, inquiries: Sequence[Inquiry]) -> list[Models]:
        """Return the list of each target, () where there is none; waits for the asker's limit."""
        asked = [task for inquiry in inquiries if (task := self._refresh(inquiry)) is not None]
        if asked:
            done, _ = await asyncio.wait(asked)  # each ends within the asker's limit
            for task in done:
                if not task.cancelled():
                    task.result()  # a bug is not passed over in silence
        return [self._known(inquiry) for inquiry in inquiries]

    def learn(self, inquiry: Inquiry, models: Models) -> None:
        """Take a list that came some other way."""
        self._keep(_identity(inquiry), models, self._fresh_s)

    def forget_user(self, user_id: str) -> None:
        """Drop the lists that were got with a user's own keys."""
        for identity in [i for i in self._held if isinstance(i, tuple) and i[0] == user_id]:
            self._drop(identity)

    async def aclose(self) -> None:
        """End every request that is under way."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _known(self, inquiry: Inquiry) -> Models:
        held = self._held.get(_identity(inquiry))
        return () if held is None else held.models

    def _refresh(self, inquiry: Inquiry) -> "asyncio.Task[None] | None":
        """Return the task that gets a list anew, None if it is not to be asked for now."""
        identity = _identity(inquiry)
        held = self._held.get(identity)
        if held is not None:
            self._held.move_to_end(identity)
            if self._clock.monotonic() < held.until:
                return None
        if identity not in self._running:
            task = asyncio.create_task(self._fetch(identity, inquiry))
            self._running[identity] = task
            task.add_done_callback(lambda _: self._running.pop(identity, None))
        return self._running[identity]

    async def _fetch(self, identity: Hashable, inquiry: Inquiry) -> None:
        old = self._known(inquiry)
        try:
            request = _request(inquiry)
            body = b"" if request is None else await self._asker.ask(inquiry, request)
        except RecordIntegrity:
            metrics.INTEGRITY_FAILURES.inc()
            self._keep(identity, old, self._retry_s)
        except (UpstreamError, GatewayError):
            self._keep(identity, old, self._retry_s)
        else:
            self._keep(identity, read_list(body), self._fresh_s)

    def _keep(self, identity: Hashable, models: Models, good_s: float) -> None:
        self._drop(identity)
        self._held[identity] = _Held(models, self._clock.monotonic() + good_s)
        self._size += _weight(models)
        while self._size > self._most_models:
            self._drop(next(iter(self._held)))

    def _drop(self, identity: Hashable) -> None:
        held = self._held.pop(identity, None)
        if held is not None:
            self._size -= _weight(held.models)


def _request(inquiry: Inquiry) -> UpstreamRequest | None:
    target = inquiry.target
    return list_request(target.type, probe_request(target, inquiry.snapshot))


def _weight(models: Models) -> int:
    return 1 + len(models)  # an empty list takes room, too


def _identity(inquiry: Inquiry) -> Hashable:
    """Return what a list belongs to: the user and their key as saved, or the operator's provider."""
    target, account = inquiry.target, inquiry.account
    place = (target.provider, target.type, target.base_url, tuple(sorted(target.settings.items())))
    if target.key_source is not KeySource.OWN or target.key_name is None:
        return ("", target.key_source, place)
    return (account.record.id, target.key_name, account.keys[target.key_name].fingerprint, place)
