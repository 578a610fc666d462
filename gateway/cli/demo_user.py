"""Makes the demo's user: `python -m gateway.cli.demo_user CONFIG DATA_DIR`; prints JSON.

The user stays the same over restarts; the token is a new one each time, because only its digest
is kept. Keys of real providers are taken from the environment where they are set.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.cli.local import Local, run_local
from gateway.config.load import environment
from gateway.identity.changes import UserChange
from gateway.identity.minting import TokenRequest
from gateway.identity.provider_keys import KeyChange
from gateway.supervisor.dumps import forbid_core_dumps
from gateway.types.account import USER_NEEDS

_EXTERNAL_ID = "demo"
_TOKEN_NAME = "demo"  # noqa: S105  # a name
_SANDBOX_SECRET = "sandbox-demo-key"  # noqa: S105  # the sandbox takes any
_REAL = (
    ("OPENAI_API_KEY", "openai", "gpt-4o-mini"),
    ("ANTHROPIC_API_KEY", "anthropic", "claude-haiku-4-5"),
)


async def make_demo_user(local: Local, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return a new token of the demo user, and the real providers they have a key for."""
    record, _ = await local.users.put_by_external_id(
        _EXTERNAL_ID, UserChange(name="Demo user"), local.snapshot.providers.keys()
    )
    secrets = {"sandbox": _SANDBOX_SECRET, "sandbox-anthropic": _SANDBOX_SECRET}
    real = [each for each in _REAL if environ.get(each[0])]
    secrets |= {provider: environ[variable] for variable, provider, _ in real}
    for name, secret in secrets.items():
        await local.provider_keys.put(record.id, name, KeyChange(secret=secret), local.offer)
    await local.users.change(
        record.id,
        UserChange(preferences={"provider": "sandbox"}),
        local.snapshot.providers.keys(),
    )
    for token in await local.tokens.list_tokens(record.id):
        if token.name == _TOKEN_NAME:
            await local.tokens.revoke(record.id, token.id)
    wanted = TokenRequest(name=_TOKEN_NAME, allows=USER_NEEDS)
    minted = await local.tokens.mint(record.id, wanted, created_by="cli")
    shown = [{"variable": v, "provider": p, "model": m} for v, p, m in real]
    return {"token": minted.token.reveal(), "real": shown}


def main() -> None:
    """Make the user in the store of a data directory."""
    forbid_core_dumps()
    config_path, data_dir = Path(sys.argv[1]), Path(sys.argv[2])

    async def work(local: Local) -> dict[str, Any]:
        return await make_demo_user(local, environment())

    sys.stdout.write(json.dumps(run_local(config_path, data_dir, work)))


if __name__ == "__main__":
    main()
