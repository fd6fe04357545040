"""What tests of compiled cores share."""

import pytest
from stand_ins import needs

from hwgen.toolchain import cxxrtl


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A folder for compiled cores, of a module's tests."""
    needs("yosys", "g++")
    return tmp_path_factory.mktemp("cxxrtl")


@pytest.fixture
def own_cache(cache, monkeypatch):
    """All that is compiled goes into `cache`."""
    monkeypatch.setattr(cxxrtl, "_user_cache", lambda: cache)
