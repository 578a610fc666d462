"""One reply, fragment by fragment, whatever it was carried in."""

from typing import Any

from gateway.errors import Failure, UpstreamError
from gateway.providers.anthropic.lenient import as_list, as_object, as_text
from gateway.providers.google.call_ids import CallIds
from gateway.providers.google.candidate import CandidateSteps
from gateway.providers.google.errors import error_in_reply
from gateway.providers.google.json_text import storable
from gateway.providers.google.plan import Plan
from gateway.providers.google.usage import UsageTotals, service_tier
from gateway.providers.wait_time import parse_timestamp
from gateway.types import events as ev
from gateway.types.json import JsonObject


class ReplySteps:
    """The state of one reply. `has_failed` once the provider reported an error."""

    def __init__(self, plan: Plan, model: str) -> None:
        self.has_failed = False
        self._plan = plan
        self._model = model
        self._ids = CallIds()
        self._usage = UsageTotals()
        self._candidates: dict[int, CandidateSteps] = {}
        self._blocked: JsonObject = {}
        self._has_started = False

    def take(self, fragment: JsonObject) -> list[ev.Event]:
        """Take one `GenerateContentResponse` and return our events."""
        if fragment.get("error"):
            return [self._fail(error_in_reply(fragment))]
        found = self._start(fragment)
        if self._usage.update(fragment.get("usageMetadata")):
            found.append(ev.Usage(self._usage.usage))
        feedback = as_object(fragment.get("promptFeedback"))
        if feedback.get("blockReason"):
            self._blocked = feedback
        for candidate in map(as_object, as_list(fragment.get("candidates"))):
            found.extend(self._candidate(candidate).take(candidate))
        return found

    def finish(self, *, is_whole: bool) -> list[ev.Event]:
        """The reply is over: return the last events. `is_whole`: it came as one complete body.

        Raises UpstreamError: CUT where a candidate had not ended, BAD_REPLY where there was none.
        """
        if self.has_failed:
            return []
        if not self._candidates:
            return [*self._refuse(), ev.End()]
        if not is_whole and any(c.reason is None for c in self._candidates.values()):
            raise UpstreamError(Failure.CUT, "The provider's reply ended before its end.")
        found: list[ev.Event] = []
        try:
            for index in sorted(self._candidates):
                found.extend(self._candidates[index].finish())
        except UpstreamError as slip:
            return [*found, self._fail(slip)]
        return [*found, ev.End()]

    def _start(self, fragment: JsonObject) -> list[ev.Event]:
        if self._has_started:
            return []
        self._has_started = True
        self._ids.reply_id = as_text(fragment.get("responseId"))
        tier = service_tier(fragment.get("usageMetadata"))
        created = parse_timestamp(as_text(fragment.get("createTime")))
        return [
            ev.Start(
                as_text(fragment.get("modelVersion")) or self._model,
                id=self._ids.reply_id or None,
                created=int(created) if created is not None else None,
                extra={"service_tier": tier} if tier else {},
            )
        ]

    def _candidate(self, candidate: JsonObject) -> CandidateSteps:
        index = candidate.get("index")
        place = index if isinstance(index, int) else 0  # left out where it is 0
        known = self._candidates.get(place)
        if known is None:
            known = self._candidates[place] = CandidateSteps(place, self._plan, self._ids)
        return known

    def _refuse(self) -> list[ev.Event]:
        """Tell of a blocked prompt, as a completion without content."""
        reason = as_text(self._blocked.get("blockReason"))
        if not reason:
            raise UpstreamError(
                Failure.CUT if self._has_started else Failure.BAD_REPLY,
                "The provider's reply holds no candidate.",
            )
        words = as_text(self._blocked.get("blockReasonMessage"))
        beside: dict[str, Any] = {"prompt_feedback": storable(self._blocked)}
        return [
            ev.Refusal(0, words or f"The prompt was blocked by the provider: {reason}."),
            ev.Extra(0, beside, beside=True),
            ev.Finish(0, "content_filter", reason),
        ]

    def _fail(self, error: UpstreamError) -> ev.Error:
        self.has_failed = True
        return ev.Error(error)
