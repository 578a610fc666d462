"""The client-facing formats, pure: chat, gateway options, server-sent events."""
