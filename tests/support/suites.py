"""Parts of test files that several tests write."""

OTHER_OUTCOMES = """
    def test_skipped():
        pytest.skip("not now")

    @pytest.mark.xfail(strict=False)
    def test_expected():
        assert False

    def test_warns():
        warnings.warn("careful")

    class TestTearDown:
        @pytest.fixture
        def broken(self):
            yield
            raise ValueError("in teardown")

        def test_broken(self, broken): ...
"""
"""Tests that are skipped, fail as expected, warn, and fail in teardown; the file must import pytest and warnings."""
