"""Keys that rotate while users lie on three masters: the tests of `rotation` once more."""

import pytest

from tests.cluster.again import rerun

pytestmark = pytest.mark.slow

globals().update(
    rerun(
        "tests.rotation.test_dek",
        "tests.rotation.test_kek",
        "tests.rotation.test_kek_elsewhere",
        "tests.rotation.test_rollback",
        "tests.rotation.test_wear",
        # Counts on the calls to the store coming in the same order each time; those to three
        # servers do not.
        without=["test_a_rotation_cut_short_anywhere_is_finished_by_the_next"],
    )
)
