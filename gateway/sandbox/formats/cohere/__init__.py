"""Cohere: chat and embeddings of API version 2, and models, as the reference of 2026 has them."""
