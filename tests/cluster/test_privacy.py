"""Erasure, receipts, export and retention in a Cluster: the tests of `privacy` once more."""

import pytest

from tests.cluster.again import rerun

pytestmark = pytest.mark.slow

globals().update(
    rerun(
        "tests.privacy.test_erase",
        "tests.privacy.test_export",
        "tests.privacy.test_receipts",
        "tests.privacy.test_retention",
        "tests.privacy.test_sweep",
    )
)
