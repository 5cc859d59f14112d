"""Code is known by its words to ask for something of its process."""

from __future__ import annotations

import pytest

from pytest_zygote.core.layers.process_questions import Questions, questions_of

ARGUMENTS = "reads the command line"
PROGRAM = "looks at the program that is running"
READS_PATH = Questions(of_path=True)


@pytest.mark.parametrize(
    ("text", "questions"),
    [
        ("import sys\nX = sys.argv[1:]\n", Questions(ARGUMENTS)),
        ("from sys import argv\n", Questions(ARGUMENTS)),
        ("import sys\ndef main(): return sys.argv\n", Questions()),
        ("import __main__\n", Questions(PROGRAM)),
        ("import sys\nX = sys.modules['__main__']\n", Questions(PROGRAM, modules=("__main__",))),
        ("import sys\nX = sys.modules[__name__]\n", Questions()),
        ("import sys\nX = sys.getrecursionlimit()\n", Questions("reads the recursion limit")),
        ("import sys\nX = sys.stdout.isatty()\n", Questions(of_terminal=True)),
        ("import sys\nX = sys.stdin is sys.__stdin__\n", Questions("uses a standard stream")),
        (
            "import sys\nX = sys.stdout.isatty() and sys.stdout.write('')\n",
            Questions("uses a standard stream", of_terminal=True),
        ),
        ("import sys\nROOT = sys.path[0]\n", READS_PATH),
        ("import sys\nX = any('tests' in entry for entry in sys.path)\n", READS_PATH),
        ("import sys as system\nX = list(system.path)\n", READS_PATH),
        ("import os\nfrom sys import version, path\n", READS_PATH),
        ("import sys\nX = '/app' in sys.path\n", READS_PATH),
        ("import sys\nsys.path.insert(0, '/app')\nX = sys.path[1]\n", READS_PATH),
        ("import os, sys\nsys.path.insert(0, os.path.dirname(__file__))\n", Questions()),
        ("import sys\nif '/app' not in sys.path:\n    sys.path.append('/app')\n", Questions()),
        ("import sys\nsys.path += ['/app']\n", Questions()),
        ("import sys\nif __name__ == '__main__':\n    print(sys.path)\n", Questions()),
        ("import sys, os.path\nX = os.path.sep, sys.version\n", Questions()),
        ("import sys\nX = 'a.b' in sys.modules, 'not a name'\n", Questions(modules=("a.b",))),
    ],
)
def test_what_code_asks_for(text: str, questions: Questions) -> None:
    """The words of a function count when that runs, and not those of the module around it."""
    assert questions_of(compile(text, "m.py", "exec")) == questions


@pytest.mark.parametrize("condition", ["__name__ == '__main__'", "'__main__' == __name__"])
def test_what_a_module_does_as_a_program_alone_is_no_question(condition: str) -> None:
    """It is imported, so that part is not executed; what comes after it is."""
    text = f"import sys\nif {condition}:\n    sys.exit(main(sys.argv))\n"

    assert questions_of(compile(text, "m.py", "exec")) == Questions()
    assert questions_of(compile(f"{text}X = sys.orig_argv\n", "m.py", "exec")) == Questions(ARGUMENTS)


def test_a_library_may_ask_for_the_recursion_limit_and_for_streams() -> None:
    """As `inspect.unwrap` does, which each dataclass calls; other questions count wherever they are asked."""
    limit = compile("import sys\nX = sys.getrecursionlimit()\n", "inspect.py", "exec")
    stream = compile("import sys\nX = sys.stderr\n", "warnings.py", "exec")
    path = compile("import sys\nX = sys.path[0]\n", "pkgutil.py", "exec")
    arguments = compile("import sys\nX = sys.argv\n", "argparse.py", "exec")

    assert questions_of(limit, is_library=True) == questions_of(stream, is_library=True) == Questions()
    assert questions_of(path, is_library=True) == Questions()
    assert questions_of(arguments, is_library=True) == Questions(ARGUMENTS)
