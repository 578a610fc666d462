"""Sealed records: codec, key ring, data keys."""
