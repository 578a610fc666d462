"""The formats on the sandbox's port, by the first part of the path."""

from collections.abc import Mapping

from gateway.sandbox.formats.anthropic.messages import Messages
from gateway.sandbox.formats.base import Format
from gateway.sandbox.formats.openai.chat import Chat

FORMATS: Mapping[str, Format] = {
    "openai": Chat(),
    "anthropic": Messages(),
}
