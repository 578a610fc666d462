"""Renders the context block and puts it into the conversation. Pure and byte-stable.

The block stays the same, byte for byte, until a record changes or the date turns, so that a
provider's prompt cache keeps its worth. Its marker is an HMAC over its body under the user's own
key: stable while the body is, and text stored by anybody cannot forge it.
"""

from collections.abc import Callable, Mapping
from datetime import date

from msgspec import Struct
from msgspec.structs import replace

from gateway.context.profile import Profile
from gateway.types.account import Scope
from gateway.types.chat import ChatRequest, Message, Role, leading_system_count
from gateway.types.usage import estimate_tokens

_INTRODUCTION = (
    "What the user allows you to know about them. Use it where it helps; do not recite it."
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July",
    "August", "September", "October", "November", "December",
)  # fmt: skip


class Records(Struct, frozen=True):
    """A user's opened records, in memory for one request. `today` is in the user's time zone."""

    profile: Profile | None
    today: date
    timezone: str


class Block(Struct, frozen=True):
    """A rendered block, and the receipt of what it holds."""

    text: str
    scope: Scope
    kinds: tuple[str, ...]
    tokens: int

    def receipt(self) -> str:
        """Return the value of the `x-gateway-context` header."""
        if not self.kinds:
            return f"{self.scope.value}; tokens=0"
        return f"{self.scope.value}; tokens={self.tokens}; kinds={','.join(self.kinds)}"


NO_CONTEXT = Block("", Scope.NONE, (), 0)


def render(
    records: Records, scope: Scope, include: Mapping[str, bool], mark: Callable[[bytes], str]
) -> Block:
    """Render what `scope` includes, less the kinds that `include` switches off.

    `mark` returns the 16 hex digits of the marker for a body.
    """
    if scope is Scope.NONE:
        return NO_CONTEXT
    sections = {"profile": _profile(records.profile), "date": _date(records)}
    shown = {kind: text for kind, text in sections.items() if text and include.get(kind, True)}
    if not shown:
        return replace(NO_CONTEXT, scope=scope)
    body = "\n".join((_INTRODUCTION, *shown.values()))
    marker = mark(body.encode())
    text = f"<user_context {marker}>\n{body}\n</user_context {marker}>"
    return Block(text, scope, tuple(shown), estimate_tokens(len(text.encode())))


def inject(chat: ChatRequest, block: Block) -> ChatRequest:
    """Put the block behind the client's leading system messages, whose bytes stay as they were."""
    if not block.text:
        return chat
    place = leading_system_count(chat.messages)
    # The role of the client's own system messages: a model takes `system` or `developer`.
    role = chat.messages[place - 1].role if place else Role.SYSTEM
    message = Message(role=role, content=block.text)
    return replace(chat, messages=(*chat.messages[:place], message, *chat.messages[place:]))


def _profile(profile: Profile | None) -> str:
    if profile is None:
        return ""
    known = {"Name": profile.name, "Time zone": profile.timezone, "Locale": profile.locale}
    lines = [f"{label}: {_indent(value)}" for label, value in known.items() if value]
    lines += [f"{name}: {_indent(_plain(value))}" for name, value in profile.fields.items()]
    return "\n".join(lines)


def _date(records: Records) -> str:
    today = records.today
    day = f"{_DAYS[today.weekday()]}, {today.day} {_MONTHS[today.month - 1]} {today.year}"
    return f"Today: {day} ({records.timezone})"


def _plain(value: str | float | bool) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _indent(text: str) -> str:
    return text.replace("\n", "\n  ")
