"""The local journal of usage: written before the store is, read until the store has it."""
