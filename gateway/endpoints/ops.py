"""Health, readiness and metrics: for the machines that watch."""

import asyncio

from gateway.endpoints.exposition import render
from gateway.endpoints.replies import Reply, json_reply
from gateway.endpoints.requests import IncomingRequest
from gateway.endpoints.services import Services


async def healthz(services: Services, request: IncomingRequest) -> Reply:  # noqa: ARG001
    """Say that the process is alive. Depends on nothing, so that no outage restarts workers."""
    return json_reply({"status": "ok"})


async def readyz(services: Services, request: IncomingRequest) -> Reply:  # noqa: ARG001
    """Say whether this worker may get traffic: it is not draining and its store answers."""
    reasons = []
    if services.draining():
        reasons.append("draining")
    if not services.store_healthy():
        reasons.append("store")
    status = 503 if reasons else 200
    return json_reply({"status": "not ready" if reasons else "ready", "waiting": reasons}, status)


async def scrape(services: Services, request: IncomingRequest) -> Reply:
    """Return the metrics of all workers, as OpenMetrics or as Prometheus text."""
    accept = request.headers.get("accept", "")
    # In a thread: merging thousands of series would hold up every stream.
    body, content_type = await asyncio.to_thread(render, services.metrics_dir, accept)
    return Reply(200, body, {"content-type": content_type, "vary": "accept"})
