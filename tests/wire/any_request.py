"""Hypothesis strategies: chat requests in which anything may stand in a known field."""

from hypothesis import strategies as st

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 9) | st.floats(-3, 3) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "role",
                    "content",
                    "type",
                    "text",
                    "function",
                    "name",
                    "id",
                    "image_url",
                    "url",
                    "tool_calls",
                    "tool_call_id",
                    "custom",
                    "file",
                    "input_audio",
                    "cache_control",
                    "reasoning_details",
                    "thinking_blocks",
                    "arguments",
                    "mode",
                    "tools",
                    "x",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
ROLES = st.sampled_from(["system", "developer", "user", "assistant", "tool", "function", "x"])
MESSAGES = st.lists(
    st.dictionaries(
        st.sampled_from(
            [
                "content",
                "name",
                "tool_calls",
                "tool_call_id",
                "function_call",
                "refusal",
                "reasoning",
                "reasoning_content",
                "reasoning_details",
                "thinking_blocks",
                "audio",
                "cache_control",
                "other",
            ]
        ),
        JSON,
        max_size=5,
    ).flatmap(lambda message: ROLES.map(lambda role: {**message, "role": role})),
    max_size=3,
)
TOP = st.dictionaries(
    st.sampled_from(
        [
            "tools",
            "tool_choice",
            "functions",
            "function_call",
            "response_format",
            "stop",
            "n",
            "reasoning",
            "reasoning_effort",
            "thinking",
            "stream_options",
            "max_tokens",
            "seed",
            "metadata",
            "modalities",
            "logit_bias",
            "top_logprobs",
            "logprobs",
            "user",
            "other",
        ]
    ),
    JSON,
    max_size=5,
)
