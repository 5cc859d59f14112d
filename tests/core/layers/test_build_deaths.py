"""Which module is left out when zygotes die."""

from __future__ import annotations

from pytest_zygote.core.layers.build_deaths import DEADLY, BuildDeaths


def test_second_death_proves_which_module_is_deadly() -> None:
    """The first may have been the system's doing."""
    deaths = BuildDeaths()
    assert deaths.rejected("app") == {}
    deaths.add("app")
    assert deaths.rejected("app") == {}
    deaths.add("app")
    assert deaths.rejected("app") == {"app": DEADLY}
    assert deaths.rejected("other") == {}
