"""Once more, against a Cluster."""

from tests.cluster.again import tests_of

globals().update(tests_of("tests.accounting.limits.test_local"))
