"""Replaces keys while the gateway serves: the KEK of a deployment, the DEK of a user."""
