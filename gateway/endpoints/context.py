"""`/v1/me/context/…`: a user's own context records."""

from gateway.context.profile import read_profile
from gateway.endpoints.replies import Reply, json_reply
from gateway.endpoints.requests import IncomingRequest
from gateway.endpoints.services import Services
from gateway.errors import NotFound
from gateway.identity.accounts import Caller


async def put_profile(services: Services, request: IncomingRequest, caller: Caller) -> Reply:
    """Replace the profile. It is sealed before it is stored."""
    profile = read_profile(await request.read_object())
    await services.context.write_profile(caller.account.data_keys, profile)
    return json_reply({"kind": "profile", "stored": True})


async def get_profile(services: Services, request: IncomingRequest, caller: Caller) -> Reply:  # noqa: ARG001
    """Return the profile as its owner wrote it."""
    shown = await services.context.show_profile(caller.account.data_keys)
    if shown is None:
        raise NotFound("No profile is stored. Write one with PUT /v1/me/context/profile.")
    return json_reply(shown)


async def delete_profile(services: Services, request: IncomingRequest, caller: Caller) -> Reply:  # noqa: ARG001
    """Delete the profile; harmless where there is none."""
    await services.context.write_profile(caller.account.data_keys, None)
    return json_reply({"kind": "profile", "deleted": True})
