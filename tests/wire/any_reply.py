"""Hypothesis strategies: chunks and bodies in which anything may stand in a known field."""

from hypothesis import strategies as st

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([2**63, -1.5, 1e300, "", "a", "stop", "error", "function", "assistant"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "id",
                    "index",
                    "type",
                    "function",
                    "custom",
                    "name",
                    "arguments",
                    "input",
                    "text",
                    "summary",
                    "thinking",
                    "data",
                    "transcript",
                    "message",
                    "code",
                    "url",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)
MESSAGE = st.dictionaries(
    st.sampled_from(
        [
            "role",
            "content",
            "reasoning",
            "reasoning_content",
            "reasoning_details",
            "refusal",
            "tool_calls",
            "function_call",
            "annotations",
            "audio",
            "odd",
        ]
    ),
    JSON,
    max_size=4,
)
CALLS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "index": JSON,
            "id": JSON,
            "type": st.sampled_from(["function", "custom", None]),
            "function": st.fixed_dictionaries({}, optional={"name": JSON, "arguments": JSON}),
            "custom": st.fixed_dictionaries({}, optional={"name": JSON, "input": JSON}),
        },
    ),
    max_size=3,
)
NODE = st.fixed_dictionaries(
    {},
    optional={
        "index": JSON,
        "delta": MESSAGE | st.fixed_dictionaries({"tool_calls": CALLS}) | JSON,
        "message": MESSAGE | st.fixed_dictionaries({"tool_calls": CALLS}) | JSON,
        "finish_reason": JSON,
        "logprobs": JSON,
        "odd": JSON,
    },
)
REPLY = st.fixed_dictionaries(
    {"choices": st.lists(NODE, max_size=3) | JSON},
    optional={
        "id": JSON,
        "object": st.sampled_from(["chat.completion.chunk", "chat.completion", "error", None]),
        "created": JSON,
        "model": JSON,
        "usage": st.dictionaries(
            st.sampled_from(
                ["prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details"]
            ),
            JSON,
        )
        | JSON,
        "error": JSON,
        "x_groq": JSON,
        "odd": JSON,
        "search_results": JSON,
    },
)
