"""Users, tokens and keys in a Cluster: the tests of `identity` once more."""

import pytest

from tests.cluster.again import rerun

pytestmark = pytest.mark.slow

globals().update(
    rerun(
        "tests.identity.test_accounts",
        "tests.identity.test_users",
        "tests.identity.test_user_tokens",
        "tests.identity.test_admin_tokens",
        "tests.identity.test_provider_keys",
        "tests.identity.test_audit",
        "tests.identity.test_call_watch",
        "tests.identity.test_changes",
        "tests.identity.test_scripts",
    )
)
