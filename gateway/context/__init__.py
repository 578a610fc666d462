"""What is added for the user: kinds, scopes, rendering, injection."""
