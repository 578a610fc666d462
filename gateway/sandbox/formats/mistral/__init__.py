"""Mistral: chat completions, embeddings and models, as the API reference of 2026 has them."""
