"""The wire format of Amazon Bedrock: Converse, ConverseStream, and InvokeModel for embeddings."""

from gateway.providers.bedrock.provider import BedrockProvider

__all__ = ["BedrockProvider"]
