"""Once more, against a Cluster."""

from tests.cluster.again import tests_of

globals().update(tests_of("tests.privacy.test_erase"))
