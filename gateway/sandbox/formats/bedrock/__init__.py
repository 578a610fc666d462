"""Amazon Bedrock: Converse and ConverseStream, embeddings through InvokeModel, signed requests."""
