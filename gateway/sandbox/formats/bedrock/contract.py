"""The shape of a Converse request, as the service model has it (botocore 1.44.5, 2026)."""

from gateway.sandbox.formats.bedrock.shapes import (
    Members,
    Shape,
    blob,
    document,
    flag,
    list_of,
    map_of,
    number,
    structure,
    text,
    union,
)

IMAGE_FORMATS = ("png", "jpeg", "gif", "webp")
DOCUMENT_FORMATS = ("pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md")
_VIDEO_FORMATS = ("mkv", "mov", "mp4", "webm", "flv", "mpeg", "mpg", "wmv", "three_gp")
_AUDIO_FORMATS = (
    "mp3", "opus", "wav", "aac", "flac", "mp4", "ogg", "mkv", "mka", "x-aac", "m4a", "mpeg", "mpga",
    "pcm", "webm",
)  # fmt: skip

_any_text = text()
_tool_name = text(1, 64, "[a-zA-Z0-9_-]+")
_tool_id = text(1, 64, "[a-zA-Z0-9_.:-]+")
_bucket = structure(
    {
        "uri": text(1, 1024, r"s3://[a-z0-9][\.\-a-z0-9]{1,61}[a-z0-9](/.*)?"),
        "bucketOwner": text(pattern="[0-9]{12}"),
    },
    ("uri",),
)
_cache_point = structure(
    {"type": text(words=("default",)), "ttl": text(words=("5m", "1h"))}, ("type",)
)
_citing = structure({"enabled": flag}, ("enabled",))


def _media(name: str, formats: tuple[str, ...]) -> Shape:
    source = union(f"{name}Source", {"bytes": blob, "s3Location": _bucket})
    members: Members = {"format": text(words=formats), "source": source}
    return structure(members, ("format", "source"))


_document = structure(
    {
        "format": text(words=DOCUMENT_FORMATS),
        "name": text(1, 200),
        "source": union(
            "DocumentSource",
            {
                "bytes": blob,
                "s3Location": _bucket,
                "text": _any_text,
                "content": list_of(union("DocumentContentBlock", {"text": _any_text})),
            },
        ),
        "context": _any_text,
        "citations": _citing,
    },
    ("name", "source"),
)
_image = _media("Image", IMAGE_FORMATS)
_video = _media("Video", _VIDEO_FORMATS)
_search_result = structure(
    {
        "source": _any_text,
        "title": _any_text,
        "content": list_of(structure({"text": _any_text}, ("text",))),
        "citations": _citing,
    },
    ("source", "title", "content"),
)
_tool_result = structure(
    {
        "toolUseId": _tool_id,
        "content": list_of(
            union(
                "ToolResultContentBlock",
                {
                    "json": document,
                    "text": _any_text,
                    "image": _image,
                    "document": _document,
                    "video": _video,
                    "searchResult": _search_result,
                },
            )
        ),
        "status": text(words=("success", "error")),
        "type": _any_text,
    },
    ("toolUseId", "content"),
)
_guard_words = ("grounding_source", "query", "guard_content")
_guarded = union(
    "GuardrailConverseContentBlock",
    {
        "text": structure(
            {"text": _any_text, "qualifiers": list_of(text(words=_guard_words))}, ("text",)
        ),
        "image": structure(
            {
                "format": text(words=("png", "jpeg")),
                "source": union("GuardrailConverseImageSource", {"bytes": blob}),
            },
            ("format", "source"),
        ),
    },
)
_content = union(
    "ContentBlock",
    {
        "text": _any_text,
        "image": _image,
        "document": _document,
        "video": _video,
        "audio": _media("Audio", _AUDIO_FORMATS),
        "toolUse": structure(
            {
                "toolUseId": _tool_id,
                "name": _tool_name,
                "input": document,
                "type": text(words=("server_tool_use",)),
            },
            ("toolUseId", "name", "input"),
        ),
        "toolResult": _tool_result,
        "guardContent": _guarded,
        "cachePoint": _cache_point,
        "reasoningContent": union(
            "ReasoningContentBlock",
            {
                "reasoningText": structure({"text": _any_text, "signature": _any_text}, ("text",)),
                "redactedContent": blob,
            },
        ),
        "citationsContent": structure(
            {
                "content": list_of(union("CitationGeneratedContent", {"text": _any_text})),
                "citations": list_of(document),
            }
        ),
        "searchResult": _search_result,
    },
)
_tool = union(
    "Tool",
    {
        "toolSpec": structure(
            {
                "name": _tool_name,
                "description": text(1),
                "inputSchema": union("ToolInputSchema", {"json": document}),
                "strict": flag,
            },
            ("name", "inputSchema"),
        ),
        "systemTool": structure({"name": _tool_name}, ("name",)),
        "cachePoint": _cache_point,
    },
)
_tool_config = structure(
    {
        "tools": list_of(_tool, 1),
        "toolChoice": union(
            "ToolChoice",
            {
                "auto": structure({}),
                "any": structure({}),
                "tool": structure({"name": _tool_name}, ("name",)),
            },
        ),
    },
    ("tools",),
)
_schema = structure({"schema": _any_text, "name": _any_text, "description": _any_text}, ("schema",))
_output_config = structure(
    {
        "textFormat": structure(
            {
                "type": text(words=("json_schema",)),
                "structure": union("OutputFormatStructure", {"jsonSchema": _schema}),
            },
            ("type", "structure"),
        ),
        "effort": text(0, 16),
    }
)
_guardrail: Members = {
    "guardrailIdentifier": text(0, 2048),
    "guardrailVersion": text(pattern="(|([1-9][0-9]{0,7})|(DRAFT))"),
    "trace": text(words=("enabled", "disabled", "enabled_full")),
}


def _request(*, stream: bool) -> Shape:
    guardrail: Members = dict(_guardrail)
    if stream:
        guardrail = {**guardrail, "streamProcessingMode": text(words=("sync", "async"))}
    roles = text(words=("user", "assistant", "system"))
    message = structure({"role": roles, "content": list_of(_content)}, ("role", "content"))
    system = {"text": text(1), "guardContent": _guarded, "cachePoint": _cache_point}
    return structure(
        {
            "messages": list_of(message),
            "system": list_of(union("SystemContentBlock", system)),
            "inferenceConfig": structure(
                {
                    "maxTokens": number(1, whole=True),
                    "temperature": number(0, 1),
                    "topP": number(0, 1),
                    "stopSequences": list_of(text(1), 0, 2500),
                }
            ),
            "toolConfig": _tool_config,
            "guardrailConfig": structure(guardrail),
            "additionalModelRequestFields": document,
            "promptVariables": document,
            "additionalModelResponseFieldPaths": list_of(text(1, 256), 0, 10),
            "requestMetadata": map_of(text(1, 256), text(0, 256), 16),
            "performanceConfig": structure({"latency": text(words=("standard", "optimized"))}),
            "serviceTier": structure(
                {"type": text(words=("priority", "default", "flex", "reserved"))}, ("type",)
            ),
            "outputConfig": _output_config,
        }
    )


CONVERSE = _request(stream=False)
CONVERSE_STREAM = _request(stream=True)
