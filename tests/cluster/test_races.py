"""G-25 in a Cluster: many at once against a budget for few, from one process and from two."""

import pytest

from tests.cluster.again import rerun

pytestmark = pytest.mark.slow

globals().update(rerun("tests.accounting.limits.test_races"))
