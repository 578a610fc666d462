"""Prices the source has wrong or lacks: our own rows, laid over it by `make.py`.

Not imported at run time. Each says where the right one is published and when it was read. A row
that the source has caught up with fails `make.py`, so that none outlives its reason.
"""

from collections.abc import Mapping

from msgspec import Struct


class Correction(Struct, frozen=True):
    """What replaces the source's numbers for one model, by its id in the source.

    `rates` are dollars per million tokens by bucket, as text; `per_request` dollars a request.
    `peak_on_weekdays`: the source's peak hours are those of Monday to Friday only.
    """

    source: str
    rates: Mapping[str, str] = {}
    per_request: str | None = None
    peak_on_weekdays: bool = False


_DEEPSEEK_PEAKS = Correction(
    "api-docs.deepseek.com/quick_start/pricing, note 2 on peak hours (weekends are off-peak; the "
    "public holidays of China, which are too, are not known here), 2026-11",
    peak_on_weekdays=True,
)
_MISTRAL_LARGE = (
    "docs.mistral.ai/models: mistral-large-latest is an API name of Mistral Large 3 since 2025-12-02 "
    "(not of Large 4); the other names of this row are retired, 2026-11"
)
_OPENAI_AUDIO = "developers.openai.com/api/docs/models: 'Audio tokens' of this model, 2026-11"
_PERPLEXITY_FEES = (
    "docs.perplexity.ai/getting-started/pricing, 'Request pricing': low search context, which is "
    "what a request gets that asks for none; and `usage.cost.request_cost` of replies, 2026-11"
)

CORRECTIONS: Mapping[str, Mapping[str, Correction]] = {
    "deepseek": {
        "deepseek-flash": _DEEPSEEK_PEAKS,
        "deepseek-v4-flash": _DEEPSEEK_PEAKS,
        "deepseek-v4-pro": _DEEPSEEK_PEAKS,
    },
    "mistral": {
        "mistral-large": Correction(
            _MISTRAL_LARGE, {"input": "0.5", "output": "1.5", "cache_read": "0.05"}
        ),
    },
    "openai": {
        # The source has the text rates only, at which audio would cost a sixteenth of its price.
        "gpt-4o-audio-preview": Correction(
            _OPENAI_AUDIO, {"audio_input": "40", "audio_output": "80"}
        ),
        "gpt-4o-mini-audio-preview": Correction(
            _OPENAI_AUDIO, {"audio_input": "10", "audio_output": "20"}
        ),
    },
    "perplexity": {
        "sonar": Correction(_PERPLEXITY_FEES, per_request="0.005"),
        "sonar-pro": Correction(_PERPLEXITY_FEES, per_request="0.006"),
        "sonar-reasoning": Correction(_PERPLEXITY_FEES, per_request="0.005"),
        "sonar-reasoning-pro": Correction(_PERPLEXITY_FEES, per_request="0.006"),
    },
}
"""By provider type and model id."""
