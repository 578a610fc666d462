"""Finds what is known of a model: its price, its limits, its quirks. Reads committed data only.

The file is read once and each provider's part decoded when it is first asked for, so a worker
pays for the providers its users have. Nothing here changes after loading, but for caches of
bounded size: the names come from clients.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from gateway.catalogue.rows import ModelRow, ProviderRows, Source
from gateway.types.models import ModelInfo

_DATA = Path(__file__).with_name("data.json")
_LONGEST_NAME = 256
_CACHED_NAMES = 4096
# Other gateways write `gpt-5.2-20251211` where OpenAI has `gpt-5.2-2025-12-11`.
_COMPACT_DATE = re.compile(r"-(20\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)")
_NO_ROWS = ProviderRows(models=())


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    source: Source
    providers: dict[str, Raw]


class _Index:
    """One provider's rows, ready to be searched: the first row that matches wins."""

    def __init__(self, rows: ProviderRows) -> None:
        self.rows = rows
        self._places: dict[str, int] = {}
        for place, row in enumerate(rows.models):
            for name in row.rule.equals:
                self._places.setdefault(name, place)
        self._patterns = [
            (place, row.rule) for place, row in enumerate(rows.models) if row.rule.has_patterns
        ]

    def search(self, name: str) -> ModelRow | None:
        """Return the row of a lower-case name."""
        listed = self._places.get(name)
        for place, rule in self._patterns:
            if listed is not None and place > listed:
                break
            if rule.matches_pattern(name):
                return self.rows.models[place]
        return None if listed is None else self.rows.models[listed]


class Catalogue:
    """Models, capabilities and prices of every provider type. Make it with `Catalogue.load()`."""

    def __init__(self, source: Source, providers: Mapping[str, Raw]) -> None:
        self.source = source
        self._raw = providers
        self._index = lru_cache(maxsize=None)(self._decode)  # as many entries as provider types
        self._search = lru_cache(maxsize=_CACHED_NAMES)(self._search_all)
        self._describe = lru_cache(maxsize=_CACHED_NAMES)(self._describe_anew)
        self._listed = lru_cache(maxsize=None)(self._list_models)

    @classmethod
    def load(cls, path: Path = _DATA) -> "Catalogue":
        """Read the committed data, or that of another version. Raises msgspec.MsgspecError."""
        return cls.decode(path.read_bytes())

    @classmethod
    def decode(cls, data: bytes) -> "Catalogue":
        """Read a catalogue as `make.py` writes it. Raises msgspec.MsgspecError."""
        file = msgspec.json.decode(data, type=_File)
        return cls(file.source, file.providers)

    @property
    def types(self) -> tuple[str, ...]:
        """The provider types that have data."""
        return tuple(self._raw)

    def find(self, provider_type: str, model: str) -> ModelInfo | None:
        """Return what is known of a model; None where its provider's data does not name it."""
        info = self.describe(provider_type, model)
        return info if info.known else None

    def describe(self, provider_type: str, model: str) -> ModelInfo:
        """Return what is known of a model, also of one that is not in the data (`known=False`).

        Capabilities go by family, so a name newer than the data may still get those.
        """
        if len(model) > _LONGEST_NAME:
            return ModelInfo(provider_type, model, known=False)
        return self._describe(provider_type, model)

    def lists(self, provider_type: str, model: str) -> bool:
        """Whether a provider type's data names a model."""
        return len(model) <= _LONGEST_NAME and self._search(provider_type, model) is not None

    def rows(self, provider_type: str) -> tuple[ModelRow, ...]:
        """Return everything that is priced at a provider type, also what is not offered."""
        return self._index(provider_type).rows.models

    def models(self, provider_type: str) -> Mapping[str, ModelInfo]:
        """Return the models a provider type offers, by id."""
        return self._listed(provider_type)

    def _decode(self, provider_type: str) -> _Index:
        raw = self._raw.get(provider_type)
        return _Index(_NO_ROWS if raw is None else msgspec.json.decode(raw, type=ProviderRows))

    def _search_all(self, provider_type: str, model: str) -> ModelRow | None:
        name = model.lower()
        dashed = _COMPACT_DATE.sub(r"-\1-\2-\3", name)
        for spelling in (name, dashed) if dashed != name else (name,):
            for place in (provider_type, *self._index(provider_type).rows.fallback):
                row = self._index(place).search(spelling)
                if row is not None:
                    return row
        return None

    def _describe_anew(self, provider_type: str, model: str) -> ModelInfo:
        row = self._search(provider_type, model)
        if row is None:
            return self._with_capabilities(ModelInfo(provider_type, model, known=False), model)
        return self._with_capabilities(_info(provider_type, row), model)

    def _list_models(self, provider_type: str) -> Mapping[str, ModelInfo]:
        rows = (row for row in self._index(provider_type).rows.models if row.listed)
        return MappingProxyType(
            {row.id: self._with_capabilities(_info(provider_type, row), row.id) for row in rows}
        )

    def _with_capabilities(self, info: ModelInfo, model: str) -> ModelInfo:
        """Capabilities go by the name asked for: one price may cover models that differ in them."""
        name = model.lower()
        said: dict[str, object] = {}
        for row in self._index(info.provider).rows.capabilities:
            if row.rule.matches(name):
                said.update(row.said())
        return replace(info, **said) if said else info


def _info(provider_type: str, row: ModelRow) -> ModelInfo:
    if row.embedding:
        return ModelInfo(
            provider_type,
            row.id,
            context_window=row.context_window,
            modalities_out=("embedding",),
            tools=False,
            price=row.price,
        )
    return ModelInfo(provider_type, row.id, context_window=row.context_window, price=row.price)
