"""`POST /v1/me/providers/{name}/test`: whether the provider takes a key."""

from typing import Any

from gateway.endpoints.replies import Reply, json_reply
from gateway.endpoints.requests import IncomingRequest
from gateway.endpoints.services import Services
from gateway.errors import NotFound
from gateway.identity.accounts import Caller
from gateway.offers.key_check import KeyReport, check_key


async def test_key(services: Services, request: IncomingRequest, caller: Caller) -> Reply:
    """Probe with one of the caller's keys. What the provider listed is what they are offered next."""
    name = request.path_params["name"]
    if name not in caller.account.keys:
        raise NotFound("No such provider key.")
    await services.probe_limit.admit(caller.user_id)
    snapshot = services.snapshots.current
    headers = (("x-client-request-id", request.request_id),)
    report = await check_key(services.asker, caller.account, snapshot, name, headers)
    if report.inquiry is not None and report.models is not None:
        services.model_lists.learn(report.inquiry, report.models)
    return json_reply(public_report(report))


def public_report(report: KeyReport) -> dict[str, Any]:
    """Return how a key fared, as the API and the command line show it."""
    if report.error is None:
        models = None if report.models is None else len(report.models)
        return {"ok": True, "latency_ms": report.latency_ms, "models": models}
    return {
        "ok": False,
        "code": report.error.code,
        "message": report.error.message,
        "origin": report.error.origin.value,
    }
