"""A self-hosted, OpenAI-compatible AI gateway for products whose users bring their own provider."""

__version__ = "0.1.0"
