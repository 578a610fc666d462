"""The two writers of the OpenAI chat format: a stream of chunks, and one completion."""

from gateway.wire.chat_complete import CompletionWriter
from gateway.wire.chat_stream import StreamWriter

__all__ = ["CompletionWriter", "StreamWriter"]
