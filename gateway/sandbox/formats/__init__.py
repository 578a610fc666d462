"""The vendors' native formats: a folder each and a row in `registry.py`."""
