"""The table of routes; nothing else."""

from gateway.endpoints import admin, chat, context, me, models, ops, probe, usage
from gateway.endpoints.routes import Route
from gateway.types.account import Need

ROUTES: tuple[Route, ...] = (
    Route("POST", "/v1/chat/completions", Need.CHAT, chat.create_completion),
    Route("POST", "/v1/embeddings", Need.CHAT, chat.create_embeddings),
    Route("GET", "/v1/models", Need.CHAT, models.list_models),
    Route("GET", "/v1/models/{id:path}", Need.CHAT, models.show_model),
    Route("GET", "/v1/me", Need.ACCOUNT, me.show),
    Route("PATCH", "/v1/me", Need.ACCOUNT, me.change),
    Route("DELETE", "/v1/me", Need.ACCOUNT, me.erase),
    Route("GET", "/v1/me/tokens", Need.ACCOUNT, me.list_tokens),
    Route("POST", "/v1/me/tokens", Need.ACCOUNT, me.mint_token),
    Route("DELETE", "/v1/me/tokens/{token_id}", Need.ACCOUNT, me.revoke_token),
    Route("GET", "/v1/me/providers", Need.ACCOUNT, me.list_keys),
    Route("PUT", "/v1/me/providers/{name}", Need.ACCOUNT, me.put_key),
    Route("DELETE", "/v1/me/providers/{name}", Need.ACCOUNT, me.remove_key),
    Route("POST", "/v1/me/providers/{name}/test", Need.ACCOUNT, probe.test_key),
    Route("PUT", "/v1/me/context/profile", Need.CONTEXT_WRITE, context.put_profile),
    Route("GET", "/v1/me/context/profile", Need.CONTEXT_READ, context.get_profile),
    Route("DELETE", "/v1/me/context/profile", Need.CONTEXT_WRITE, context.delete_profile),
    Route("GET", "/v1/me/usage", Need.CHAT, usage.read),
    Route("GET", "/admin/v1/users", Need.ADMIN, admin.list_users),
    Route("POST", "/admin/v1/users", Need.ADMIN, admin.create_user),
    Route("PUT", "/admin/v1/users/by-external-id/{external_id:path}", Need.ADMIN, admin.put_user),
    Route("GET", "/admin/v1/users/{user_id}", Need.ADMIN, admin.show_user),
    Route("PATCH", "/admin/v1/users/{user_id}", Need.ADMIN, admin.change_user),
    Route("DELETE", "/admin/v1/users/{user_id}", Need.ADMIN, admin.remove_user),
    Route("GET", "/admin/v1/users/{user_id}/tokens", Need.ADMIN, admin.list_user_tokens),
    Route("POST", "/admin/v1/users/{user_id}/tokens", Need.ADMIN, admin.mint_user_token),
    Route(
        "DELETE", "/admin/v1/users/{user_id}/tokens/{token_id}", Need.ADMIN, admin.revoke_user_token
    ),
    Route("GET", "/admin/v1/audit", Need.ADMIN, admin.read_audit),
    Route("GET", "/healthz", Need.OPEN, ops.healthz),
    Route("GET", "/readyz", Need.OPEN, ops.readyz),
    Route("GET", "/metrics", Need.METRICS, ops.scrape),
)
