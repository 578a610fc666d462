"""Sealed records in a Cluster: the tests of `context` once more."""

import pytest

from tests.cluster.again import rerun

pytestmark = pytest.mark.slow

globals().update(
    rerun(
        "tests.context.test_source",
        "tests.context.test_source_integrity",
        "tests.context.test_source_pages",
    )
)
