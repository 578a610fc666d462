"""The ledger and its spool before a Cluster: the tests of `accounting` once more."""

import pytest

from tests.cluster.again import rerun

pytestmark = pytest.mark.slow

globals().update(
    rerun(
        "tests.accounting.spool.test_drain",
        "tests.accounting.test_ledger",
        "tests.accounting.test_totals",
        "tests.accounting.test_usage",
        "tests.accounting.test_usage_rows",
        "tests.accounting.test_disclosures",
    )
)
