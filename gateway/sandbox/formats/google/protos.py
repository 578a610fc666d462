"""The request messages of both of Google's surfaces, as tables.

Source: the published definitions `google/ai/generativelanguage/v1beta/*.proto` and
`google/cloud/aiplatform/{v1,v1beta1}/*.proto` (August 2026), with the newer members of the
reference at ai.google.dev and of the google-genai client's types.

A field's type is a word: `string`, `bool`, `int32`, `int64`, `float`, `double`, `bytes`,
`duration`; `struct` (any JSON object) and `value` (any JSON); `=Mode` an enum; `Content` a message;
`*` before a type makes it repeated, `{}` makes it a map from strings.
"""

from collections.abc import Mapping

from msgspec import Struct

Fields = Mapping[str, str]


class Protos(Struct, frozen=True):
    """One surface's messages and enums. `package` begins their type names in error texts."""

    package: str
    messages: Mapping[str, Fields]
    enums: Mapping[str, tuple[str, ...]]


ONEOFS: Mapping[str, frozenset[str]] = {
    "Part": frozenset((
        "text", "inline_data", "function_call", "function_response", "file_data",
        "executable_code", "code_execution_result", "tool_call", "tool_response",
    )),
}  # fmt: skip
"""Members of which a message can hold one."""

_SCHEMA: Fields = {
    "type": "=Type", "format": "string", "title": "string", "description": "string",
    "nullable": "bool", "enum": "*string", "items": "Schema", "max_items": "int64",
    "min_items": "int64", "properties": "{}Schema", "required": "*string",
    "min_properties": "int64", "max_properties": "int64", "minimum": "double",
    "maximum": "double", "min_length": "int64", "max_length": "int64", "pattern": "string",
    "example": "value", "any_of": "*Schema", "property_ordering": "*string", "default": "value",
}  # fmt: skip

_CONFIG: Fields = {
    "candidate_count": "int32", "stop_sequences": "*string", "max_output_tokens": "int32",
    "temperature": "float", "top_p": "float", "top_k": "float", "seed": "int32",
    "response_mime_type": "string", "response_schema": "Schema", "response_json_schema": "value",
    "presence_penalty": "float", "frequency_penalty": "float", "response_logprobs": "bool",
    "logprobs": "int32", "response_modalities": "*=Modality", "speech_config": "struct",
    "thinking_config": "ThinkingConfig", "image_config": "struct",
    "media_resolution": "=MediaResolution", "audio_transcription_config": "struct",
}  # fmt: skip

_PART: Fields = {
    "text": "string", "inline_data": "Blob", "function_call": "FunctionCall",
    "function_response": "FunctionResponse", "file_data": "FileData",
    "executable_code": "ExecutableCode", "code_execution_result": "CodeExecutionResult",
    "thought": "bool", "thought_signature": "bytes", "video_metadata": "VideoMetadata",
    "media_resolution": "struct",
}  # fmt: skip

_TOOL: Fields = {
    "function_declarations": "*FunctionDeclaration", "google_search_retrieval": "struct",
    "code_execution": "struct", "google_search": "struct", "computer_use": "struct",
    "url_context": "struct", "google_maps": "struct",
}  # fmt: skip

_REQUEST: Fields = {
    "model": "string", "system_instruction": "Content", "contents": "*Content", "tools": "*Tool",
    "tool_config": "ToolConfig", "safety_settings": "*SafetySetting",
    "generation_config": "GenerationConfig", "cached_content": "string",
}  # fmt: skip

_CALL: Fields = {"name": "string", "args": "struct"}
_RESPONSE: Fields = {
    "name": "string",
    "response": "struct",
    "parts": "*FunctionResponsePart",
}
_DECLARATION: Fields = {
    "name": "string", "description": "string", "parameters": "Schema",
    "parameters_json_schema": "value", "response": "Schema", "response_json_schema": "value",
}  # fmt: skip

_SHARED: Mapping[str, Fields] = {
    "Content": {"parts": "*Part", "role": "string"},
    "FileData": {"mime_type": "string", "file_uri": "string"},
    "VideoMetadata": {"start_offset": "duration", "end_offset": "duration", "fps": "double"},
    "ExecutableCode": {"language": "=Language", "code": "string", "id": "string"},
    "CodeExecutionResult": {"outcome": "=Outcome", "output": "string", "id": "string"},
    "FunctionResponsePart": {"inline_data": "Blob", "file_data": "FileData"},
    "ThinkingConfig": {
        "include_thoughts": "bool",
        "thinking_budget": "int32",
        "thinking_level": "=ThinkingLevel",
    },
}

_ENUMS: Mapping[str, tuple[str, ...]] = {
    "Type": (
        "TYPE_UNSPECIFIED", "STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL",
    ),
    "Mode": ("MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED"),
    "Language": ("LANGUAGE_UNSPECIFIED", "PYTHON"),
    "Outcome": (
        "OUTCOME_UNSPECIFIED", "OUTCOME_OK", "OUTCOME_FAILED", "OUTCOME_DEADLINE_EXCEEDED",
    ),
    "Modality": ("MODALITY_UNSPECIFIED", "TEXT", "IMAGE", "AUDIO", "VIDEO"),
    "MediaResolution": (
        "MEDIA_RESOLUTION_UNSPECIFIED", "MEDIA_RESOLUTION_LOW", "MEDIA_RESOLUTION_MEDIUM",
        "MEDIA_RESOLUTION_HIGH",
    ),
    "ThinkingLevel": ("THINKING_LEVEL_UNSPECIFIED", "LOW", "MEDIUM", "HIGH", "MINIMAL", "XHIGH"),
    "HarmCategory": (
        "HARM_CATEGORY_UNSPECIFIED", "HARM_CATEGORY_HATE_SPEECH", "HARM_CATEGORY_DANGEROUS_CONTENT",
        "HARM_CATEGORY_HARASSMENT", "HARM_CATEGORY_SEXUALLY_EXPLICIT",
        "HARM_CATEGORY_CIVIC_INTEGRITY", "HARM_CATEGORY_JAILBREAK",
    ),
    "HarmBlockThreshold": (
        "HARM_BLOCK_THRESHOLD_UNSPECIFIED", "BLOCK_LOW_AND_ABOVE", "BLOCK_MEDIUM_AND_ABOVE",
        "BLOCK_ONLY_HIGH", "BLOCK_NONE", "OFF",
    ),
    "HarmBlockMethod": ("HARM_BLOCK_METHOD_UNSPECIFIED", "SEVERITY", "PROBABILITY"),
    "ServiceTier": ("UNSPECIFIED", "FLEX", "STANDARD", "PRIORITY"),
    "ToolType": (
        "TOOL_TYPE_UNSPECIFIED", "GOOGLE_SEARCH_WEB", "GOOGLE_SEARCH_IMAGE", "URL_CONTEXT",
        "GOOGLE_MAPS", "FILE_SEARCH",
    ),
    "TaskType": (
        "TASK_TYPE_UNSPECIFIED", "RETRIEVAL_QUERY", "RETRIEVAL_DOCUMENT", "SEMANTIC_SIMILARITY",
        "CLASSIFICATION", "CLUSTERING", "QUESTION_ANSWERING", "FACT_VERIFICATION",
        "CODE_RETRIEVAL_QUERY",
    ),
}  # fmt: skip

GEMINI = Protos(
    "google.ai.generativelanguage.v1beta",
    {
        **_SHARED,
        "Schema": _SCHEMA,
        "GenerateContentRequest": {**_REQUEST, "service_tier": "=ServiceTier", "store": "bool"},
        "Part": {
            **_PART, "tool_call": "ToolCall", "tool_response": "ToolResponse",
            "part_metadata": "struct",
        },
        "Blob": {"mime_type": "string", "data": "bytes"},
        "FunctionCall": {**_CALL, "id": "string"},
        "FunctionResponse": {
            **_RESPONSE, "id": "string", "will_continue": "bool", "scheduling": "string",
        },
        "FunctionDeclaration": {**_DECLARATION, "behavior": "string"},
        "ToolCall": {"id": "string", "tool_type": "=ToolType", "args": "struct"},
        "ToolResponse": {"id": "string", "tool_type": "=ToolType", "response": "struct"},
        "Tool": {**_TOOL, "file_search": "struct", "mcp_servers": "*struct"},
        "ToolConfig": {
            "function_calling_config": "FunctionCallingConfig", "retrieval_config": "struct",
            "include_server_side_tool_invocations": "bool",
        },
        "FunctionCallingConfig": {"mode": "=Mode", "allowed_function_names": "*string"},
        "SafetySetting": {"category": "=HarmCategory", "threshold": "=HarmBlockThreshold"},
        "GenerationConfig": {
            **_CONFIG, "_response_json_schema": "value", "enable_enhanced_civic_answers": "bool",
        },
        "CountTokensRequest": {
            "model": "string", "contents": "*Content",
            "generate_content_request": "GenerateContentRequest",
        },
        "EmbedContentRequest": {
            "model": "string", "content": "Content", "task_type": "=TaskType", "title": "string",
            "output_dimensionality": "int32",
        },
        "BatchEmbedContentsRequest": {"model": "string", "requests": "*EmbedContentRequest"},
    },
    _ENUMS,
)  # fmt: skip

_VERTEX: Mapping[str, Fields] = {
    **_SHARED,
    "Schema": {
        **_SCHEMA, "additional_properties": "value", "ref": "string", "defs": "{}Schema",
    },
    "GenerateContentRequest": {
        **_REQUEST, "labels": "{}string", "model_armor_config": "ModelArmorConfig",
    },
    "Part": _PART,
    "Blob": {"mime_type": "string", "data": "bytes", "display_name": "string"},
    "FileData": {"mime_type": "string", "file_uri": "string", "display_name": "string"},
    "FunctionCall": {**_CALL, "partial_args": "*struct", "will_continue": "bool"},
    "FunctionResponse": _RESPONSE,
    "FunctionDeclaration": _DECLARATION,
    "Tool": {
        **_TOOL, "retrieval": "struct", "enterprise_web_search": "struct",
        "parallel_ai_search": "struct", "exa_ai_search": "struct",
    },
    "ToolConfig": {
        "function_calling_config": "FunctionCallingConfig", "retrieval_config": "struct",
    },
    "FunctionCallingConfig": {
        "mode": "=Mode", "allowed_function_names": "*string",
        "stream_function_call_arguments": "bool",
    },
    "SafetySetting": {
        "category": "=HarmCategory", "threshold": "=HarmBlockThreshold",
        "method": "=HarmBlockMethod",
    },
    "GenerationConfig": {**_CONFIG, "routing_config": "struct", "audio_timestamp": "bool"},
    "ModelArmorConfig": {"prompt_template_name": "string", "response_template_name": "string"},
    "CountTokensRequest": {
        "endpoint": "string", "model": "string", "instances": "*value", "contents": "*Content",
        "system_instruction": "Content", "tools": "*Tool", "generation_config": "GenerationConfig",
    },
    "EmbedContentRequest": {
        "model": "string", "content": "Content", "title": "string", "task_type": "=TaskType",
        "output_dimensionality": "int32", "auto_truncate": "bool",
        "embed_content_config": "struct",
    },
}  # fmt: skip

VERTEX = Protos("google.cloud.aiplatform.v1", _VERTEX, _ENUMS)
"""No ids on function calls and responses: `v1` refuses them, `v1beta1` has them."""

VERTEX_BETA = Protos(
    "google.cloud.aiplatform.v1beta1",
    {
        **_VERTEX,
        "FunctionCall": {**_VERTEX["FunctionCall"], "id": "string"},
        "FunctionResponse": {**_RESPONSE, "id": "string"},
    },
    _ENUMS,
)
