"""Learns what imports ask of the process: its folder, arguments, terminal, program, and which modules are loaded.

A layer's process has others than a run. What can be compared when a run first imports the module is noted as a
question with its answer; for the rest the module is left to each run.

What code does that is a run's own business (draws what is to be random, reads the clock, makes files) is judged in the
same way: of the project's own code, and not of installed packages, of which any answer is one that a run could have.

Functions can be replaced, but ``sys.argv`` is read like any attribute. So code is judged by its words when it starts:
that of the project's modules, and of what they call. Of installed packages only the working directory is known: many
read the arguments, and hardly any means those of a test run.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from pytest_zygote.adapters.interpreter import code_origin
from pytest_zygote.adapters.interpreter.callers import is_own_caller
from pytest_zygote.adapters.interpreter.code_events import DISABLE
from pytest_zygote.adapters.interpreter.import_answers import FOLDER, LOADED, PATH, TERMINAL, THERE, answer
from pytest_zygote.adapters.interpreter.private.light import frame_above
from pytest_zygote.adapters.interpreter.side_effects import acting_frame, effect_of
from pytest_zygote.core.layers.import_effects import Asked
from pytest_zygote.core.layers.process_questions import may_ask, questions_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType

    from pytest_zygote.adapters.interpreter.code_events import CodeStarts
    from pytest_zygote.adapters.interpreter.import_recorder import Ledger


class ImportQuestions:
    """Notes the questions in the logs of the modules that ask.

    Attributes:
        on_folder_found: called with a folder that somebody would make if it were not there, and the frame of who would.
    """

    def __init__(self, ledger: Ledger, starts: CodeStarts, on_unanswered: Callable[[str], None]) -> None:
        """Judge nothing yet; `on_unanswered` is told what cannot be answered, while the module is in the stack."""
        self._ledger = ledger
        self._starts = starts
        self._on_unanswered = on_unanswered
        self._asked: set[tuple[str, str]] = set()
        self.on_folder_found: Callable[[object, FrameType], None] = lambda *_: None

    def start(self) -> None:
        """Judge all code that starts from now on."""
        disable = DISABLE

        def on_start(code: CodeType, _offset: int) -> object:
            if not may_ask(code):
                return disable
            self._judge(code, frame_above(1))
            return None  # the next who calls it may be another module

        def on_call(_code: CodeType, _offset: int, function: object, first: object) -> object:
            what = effect_of(function, first)
            if what is None:
                return disable
            if what:
                self.judge(what, frame_above(1))
            elif function is os.mkdir:
                self.on_folder_found(first, frame_above(1))
            return None

        self._starts.claim(on_start, on_call=on_call)

    def stop(self) -> None:
        """Judge no more."""
        self._starts.release()

    def note(self, what: str) -> None:
        """Note a question, with its answer here, for the module that is being executed."""
        if self._ledger.stack and (self._ledger.stack[-1], what) not in self._asked:
            self._asked.add((self._ledger.stack[-1], what))
            self._ledger.note(Asked(what, answer(what)))

    def note_absent(self, path: str) -> None:
        """Note that something was looked for in the working directory, which is not there."""
        self.note(f"{THERE}{path}")

    def note_folder(self) -> None:
        """Note that the working directory was asked for."""
        self.note(FOLDER)

    def judge(self, what: str, frame: FrameType | None) -> None:
        """Leave a module of the project to each run if it is its code that does something which no layer must."""
        frame = acting_frame(frame)
        if self._ledger.stack and frame is not None and code_origin.is_own(frame.f_code.co_filename):
            self._on_unanswered(what)

    def _judge(self, code: CodeType, frame: FrameType) -> None:
        if not self._ledger.stack or is_own_caller(frame):
            return
        origin = code_origin.origin_of(sys.modules.get(self._ledger.stack[-1]))
        if not origin or not code_origin.is_own(origin):
            return
        questions = questions_of(code, is_library=not code_origin.is_own(code.co_filename))
        if questions.unanswered:
            self._on_unanswered(questions.unanswered)
        if questions.of_terminal:
            self.note(TERMINAL)
        if questions.of_path:
            self.note(PATH)
        for name in questions.modules:
            if name not in sys.modules:
                self.note(f"{LOADED}{name}")
