"""Limits: what a request may use is reserved before it is sent, and settled with the truth after."""
