"""The nouns that cross stages: plain immutable values, no behaviour beyond their own arithmetic."""
