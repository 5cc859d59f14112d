"""Hypothesis strategies for recordings of runs."""

from __future__ import annotations

from hypothesis import strategies as st

from pytest_zygote.core.cli.recording import Collector, Phase, RecordedWarning, Recording, Result

TEXTS = st.text(max_size=8)
PHASES = st.builds(Phase, TEXTS, TEXTS, TEXTS)
RECORDINGS = st.builds(
    Recording,
    exit_code=st.integers(0, 5),
    process=st.integers(1),
    collected=st.lists(TEXTS, max_size=4).map(tuple),
    deselected=st.lists(TEXTS, max_size=2).map(tuple),
    collectors=st.lists(st.builds(Collector, TEXTS, TEXTS, TEXTS), max_size=2).map(tuple),
    results=st.lists(st.builds(Result, TEXTS, st.lists(PHASES, max_size=3).map(tuple)), max_size=4).map(tuple),
    warnings=st.lists(st.builds(RecordedWarning, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS), max_size=2).map(tuple),
)
