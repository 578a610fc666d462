"""A gateway whose store is a real Cluster of three masters: told one node, it serves from all."""

from pathlib import Path

from gateway.sandbox.server import RunningSandbox
from tests.journeys.running import GatewayUser, RunningGateway, start_gateway
from tests.store.cluster_scene import RunningCluster
from tests.waiting import wait_until


def homes_of(cluster: RunningCluster, gateway: RunningGateway, user_id: str) -> set[int]:
    """Return the ports of the masters that hold keys of a user."""
    pattern = f"gw:{{u:{user_id}}}:*"
    return {node.port for node in cluster.masters if node.ask("KEYS", pattern)}


def is_booked(user: GatewayUser, request_id: str) -> bool:
    """Whether there are rows of a request yet."""
    return user.call("GET", f"/v1/me/usage?request_id={request_id}").is_success


def test_chats_are_served_booked_and_forgotten_in_a_cluster(
    cluster: RunningCluster, sandbox: RunningSandbox, tmp_path: Path
) -> None:
    cluster.flush()
    more = (
        f"store: {{url: '{cluster.url}', timeout_s: 2}}\nlimits: {{everyone: {{concurrent: 50}}}}"
    )
    with start_gateway(tmp_path, sandbox.url, workers=2, more=more) as gateway:
        users = [gateway.new_user("openai") for _ in range(5)]
        homes = [homes_of(cluster, gateway, user.id) for user in users]
        assert all(len(each) == 1 for each in homes)
        assert len(set.union(*homes)) > 1

        for user in users:
            reply = user.call("PUT", "/v1/me/context/profile", {"name": "Ann"})
            assert reply.is_success, reply.text
            reply = user.chat("sandbox-echo", "Hello")
            assert reply.status_code == 200, reply.text
            request_id = reply.headers["x-request-id"]
            wait_until(lambda u=user, r=request_id: is_booked(u, r))  # type: ignore[misc]
            (row,) = user.rows(request_id)
            assert row["status"] == "ok"

        erased = users[0]
        receipt = erased.call("DELETE", "/v1/me")
        assert receipt.is_success, receipt.text
        assert erased.chat("sandbox-echo").status_code == 401
        assert users[1].chat("sandbox-echo").status_code == 200
        listed = gateway.admin("GET", "/users")
        assert {each["id"] for each in listed["data"]} == {user.id for user in users[1:]}
        assert '"level":"error"' not in gateway.log
