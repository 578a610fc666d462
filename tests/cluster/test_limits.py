"""Limits in a Cluster: the tests of `accounting.limits` once more."""

from tests.cluster.again import rerun

globals().update(
    rerun(
        "tests.accounting.limits.test_gate",
        "tests.accounting.limits.test_settling",
        # These set the store's clock by a key that their scripts read, which is another slot's.
        without=[
            "test_all_keys_of_a_script_share_a_slot",
            "test_a_request_is_charged_where_it_was_let_in_however_late_it_ends",
        ],
    )
)
