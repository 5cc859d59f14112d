"""A module that was imported before its time is as if it were imported now."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.daemon import BIN

if TYPE_CHECKING:
    from tests.support.daemon import Project

MAIN_TEST = "import app.main\ndef test_it(): assert app.main.MODE == ''\n"
READS = "import os\nMODE = os.environ.get('MODE')\n"

AS_PLAIN: dict[str, dict[str, str]] = {
    "the conftest file sets the environment": {
        "conftest.py": "import os\nos.environ.setdefault('MODE', 'test')\nimport app.main\n",
        "app/main.py": READS,
    },
    "a hook sets the environment": {
        "conftest.py": "import os\ndef pytest_configure(config):\n    os.environ['MODE'] = 'hook'\n",
        "app/main.py": READS,
    },
    "the conftest file deletes from the environment": {
        "conftest.py": "import os\ndel os.environ['HOME']\nimport app.main\n",
        "app/main.py": "import os\nMODE = os.environ.get('HOME')\n",
    },
    "the application sets the environment": {
        "app/__init__.py": "import os\nos.environ['MODE'] = 'first'\nimport other\nos.environ['MODE'] = 'then'\n",
        "other.py": READS,
        "app/main.py": "import other, os\nMODE = other.MODE, os.environ['MODE']\n",
    },
    "a seed": {
        "app/main.py": "import random\nrandom.seed(0)\nMODE = random.random()\n",
        "test_main.py": "import app.main, random\nX = random.random()\ndef test_it(): assert X == ''\n",
    },
    "the process": {
        "app/main.py": """
            import os, signal
            os.chdir('/tmp')
            signal.signal(signal.SIGUSR1, print)
            """,
        "test_main.py": """
            import app.main, os, signal
            def test_it(): assert (os.getcwd(), signal.getsignal(signal.SIGUSR1)) == ''
            """,
    },
    "an object whose attributes raise": {
        "app/main.py": """
            class Placeholder:
                def __getattribute__(self, name):
                    raise RuntimeError("used before it was set")
            MODE = "nothing"
            MISSING = Placeholder()
            __path__ = Placeholder()
            """,
    },
    "an object that is evaluated by whoever asks for its class": {
        "app/main.py": """
            import os
            class Lazy:
                __class__ = property(lambda self: os._exit(3))
                __dict__ = property(lambda self: os._exit(3))
                def __getattr__(self, name): os._exit(3)
                def __dir__(self): os._exit(3)
            class Meta(type):
                def __getattribute__(self, name): os._exit(3)
            class Local(metaclass=Meta): pass
            MODE = "lazy"
            LAZY = Lazy()
            """,
    },
    "atexit": {"app/main.py": "import atexit\nMODE = atexit.register(int) is int\n"},
    "libraries": {
        "app/main.py": """
            import click, copyreg, csv, decimal, gc, json, logging, multiprocessing, os, sys, time
            decimal.getcontext().prec = 6
            gc.disable()
            multiprocessing.set_start_method('spawn')
            time.sleep = sys.unraisablehook = lambda *args: None
            json.dumps = lambda *args, plain=json.dumps, **named: plain(*args, **named)
            os.environ['TZ'] = 'Asia/Tokyo'
            time.tzset()
            class Finder:
                find_spec = staticmethod(lambda *args: None)
            sys.meta_path.append(Finder)
            sys.set_int_max_str_digits(1000)
            sys.set_coroutine_origin_tracking_depth(3)
            csv.field_size_limit(999)
            json.JSONEncoder.default = lambda self, value: str(value)
            copyreg.pickle(Finder, str)
            logging.getLogger('some').setLevel('ERROR')
            logging.addLevelName(5, 'TRACE')
            click.Command.name = click.echo = None
            """,
        "test_main.py": """
            import click, copyreg, csv, decimal, gc, json, logging, multiprocessing, sys, time
            SEEN = []
            def look():
                SEEN.append((
                    decimal.getcontext().prec, gc.isenabled(), multiprocessing.get_start_method(allow_none=True),
                    json.dumps.__name__, time.sleep.__name__, type(sys.unraisablehook).__name__, time.tzname,
                    [type(finder).__name__ for finder in sys.meta_path],
                    sys.get_int_max_str_digits(), sys.get_coroutine_origin_tracking_depth(),
                    csv.field_size_limit(), json.JSONEncoder.default.__name__, len(copyreg.dispatch_table),
                    logging.getLogger('some').level, logging.getLevelName(5),
                    hasattr(click.Command, 'name'), click.echo is None,
                ))
            look()
            import app.main
            look()
            def test_it(): assert SEEN == ''
            """,
    },
    "registries": {
        "app/registry.py": """
            from contextvars import ContextVar
            ITEMS, NAMES, VAR = ["first"], set(), ContextVar("VAR", default="unset")
            def register(name):
                ITEMS.append(name)
                NAMES.add(name)
                VAR.set(name)
            """,
        "app/main.py": "from app.registry import register\nregister('main')\n",
        "app/other.py": "from app.registry import register\nregister('other')\n",
        "test_main.py": """
            from app.registry import ITEMS, NAMES, VAR
            SEEN = []
            def look():
                SEEN.append((tuple(ITEMS), tuple(sorted(NAMES)), VAR.get()))
            look()
            import app.other
            look()
            import app.main
            look()
            def test_it(): assert SEEN == ''
            """,
    },
    "warnings": {
        "app/main.py": r"""
            import warnings
            warnings.warn('inside')
            warnings.warn('outside', DeprecationWarning, stacklevel=2)
            warnings.warn('further outside', DeprecationWarning, stacklevel=3)
            MODE = '\d'
            """,
        "between.py": "import app.main\n",
        "test_main.py": "import between\nimport app.main\ndef test_it(): assert app.main.MODE == ''\n",
    },
}
"""What a project does while it is imported, that must not show."""

TOO_EARLY: dict[str, dict[str, str]] = {
    "a value": {
        "app/settings.py": "DEBUG = False\n",
        "conftest.py": "import app.settings\napp.settings.DEBUG = True\nimport app.main\n",
        "app/main.py": "from app import settings\nMODE = settings.DEBUG\n",
    },
    "an attribute": {
        "app/settings.py": "class Settings:\n    DEBUG = False\nsettings = Settings()\n",
        "conftest.py": "from app.settings import settings\nsettings.DEBUG = True\nimport app.main\n",
        "app/main.py": "from app.settings import settings\nMODE = settings.DEBUG\n",
    },
    "an entry": {
        "app/settings.py": "settings = {'DEBUG': False}\n",
        "conftest.py": "from app.settings import settings\nsettings['DEBUG'] = True\nimport app.main\n",
        "app/main.py": "from app.settings import settings\nMODE = settings['DEBUG']\n",
    },
    "a function of a package": {
        "conftest.py": "import platform\nplatform.node = lambda: 'patched'\nimport app.main\n",
        "app/main.py": "import platform\nMODE = platform.node()\n",
    },
    "a stub": {
        "client.py": "NAME = 'real'\n",
        "conftest.py": "import sys, types\nsys.modules['client'] = types.SimpleNamespace(NAME='stub')\n"
        "import app.main\n",
        "app/main.py": "import client\nMODE = client.NAME\n",
    },
    "the environment, late": {
        "app/settings.py": "import os\nDEBUG = os.environ.get('MODE')\n",
        "conftest.py": "import os, app.settings\nos.environ['MODE'] = 'late'\nimport app.main\n",
        "app/main.py": READS,
    },
}
"""What a conftest file changes between imports: what comes after it cannot be imported early."""


def _write(project: Project, files: dict[str, str]) -> None:
    for path, text in {"app/__init__.py": "", "test_main.py": MAIN_TEST, **files}.items():
        project.write(path, text)


def _shown(output: str) -> str:
    return re.sub(r"\d+\.\d+s|0x[0-9a-f]+|=+", "", output)


@pytest.mark.parametrize("what", AS_PLAIN)
def test_an_early_import_shows_nowhere(project: Project, what: str) -> None:
    """Output and outcome are those of plain pytest, and the module comes from the layer."""
    _write(project, AS_PLAIN[what])
    warm = project.warm_up()
    layer = project.status().layer("project")

    assert _shown(warm.stdout) == _shown(project.plain().stdout)
    assert layer is not None
    assert layer.runs_served
    assert not project.status().rejected


REGISTRY = """
    import click, weakref
    ALIVE = weakref.WeakSet()
    class Plugin:
        pass
    @click.group()
    def commands():
        pass
    def found():
        return sorted(commands.commands), len(ALIVE), [kind.__name__ for kind in Plugin.__subclasses__()]
    """
PLUGIN = """
    from app.registry import ALIVE, Plugin, commands
    @commands.command()
    def go():
        pass
    class Mine(Plugin):
        pass
    ALIVE.add(Mine)
    """


def test_a_run_does_not_find_what_modules_have_registered_that_it_has_not_imported(project: Project) -> None:
    """In an object of a library, in a weak set, and by being derived from a class: the run starts over without them."""
    _write(project, {"app/registry.py": REGISTRY, "app/plugin.py": PLUGIN})
    project.write(
        "test_main.py",
        "import app.plugin\nfrom app.registry import found\ndef test_it(): assert found() == (['go'], 1, ['Mine'])\n",
    )
    project.write("test_alone.py", "from app.registry import found\ndef test_it(): assert found() == ([], 0, [])\n")
    with_plugin = project.warm_up("test_main.py")
    without = project.pytest("test_alone.py")
    project.settle()
    last = project.pytest("test_main.py")

    assert [result.returncode for result in (with_plugin, without, last)] == [0, 0, 0], without.stdout
    assert all(result.was_warm for result in (with_plugin, without, last))
    assert project.status().rejected.keys() == {"app.plugin"}


def test_warning_of_a_package_about_who_imports_it(project: Project) -> None:
    """It names the line of a module that was imported early, later than the package; each run shows it as plain."""
    packages = project.root / "site-packages"
    project.write("site-packages/lib.py", "import warnings\nwarnings.warn('old', FutureWarning, stacklevel=2)\n")
    project.write("app/__init__.py", "")
    project.write("app/quiet.py", "import app.loud\n")
    project.write("app/loud.py", "import os\n\nimport lib\n\n\ndef value():\n    import lib\n")
    project.write("test_main.py", "import app.quiet\ndef test_it(): pass\n")
    warm = project.warm_up(PYTHONPATH=str(packages))

    assert "app/loud.py:3: FutureWarning: old" in warm.stdout
    assert _shown(warm.stdout) == _shown(project.plain(PYTHONPATH=str(packages)).stdout)
    assert not project.status().rejected


@pytest.mark.parametrize("what", TOO_EARLY)
def test_a_module_imported_too_early_starts_the_run_over(project: Project, what: str) -> None:
    """A run that finds a module imported too early starts over, unnoticed, and the module is early no more."""
    _write(project, TOO_EARLY[what])
    outputs = {_shown(project.pytest().stdout) for _ in range(2)}
    last = project.warm_up()

    assert {*outputs, _shown(last.stdout)} == {_shown(project.plain().stdout)}
    assert project.status().rejected.keys() == {"app.main"}


@pytest.mark.parametrize("args", [("-v",), (), ("-sv",)])  # with -v the header is shown before collection begins
def test_too_early_below_the_header(project: Project, args: tuple[str, ...]) -> None:
    """A test module changes what the next one imports: the run starts over, and what was printed is not repeated."""
    text = "from app import settings\nMODE = settings.DEBUG\ndef test_it(): assert MODE == ''\n"
    _write(project, {"app/settings.py": "DEBUG = False\n", "app/main.py": text, "test_main.py": text})
    project.write("test_first.py", "def test_it(): pass\n")
    project.write("test_last.py", "import app.main\ndef test_it(): assert app.main.MODE == ''\n")
    project.warm_up(*args)
    project.write("test_first.py", "from app import settings\nsettings.DEBUG = True\ndef test_it(): pass\n")
    result = project.pytest(*args)

    assert result.was_warm
    assert "app.main" in project.status().rejected
    assert _shown(result.stdout) == _shown(project.plain(*args).stdout)


ASKS = {
    "arguments": ("import sys\nMODE = 'pytest' in sys.argv[0], '-x' in sys.argv\n", "reads the command line"),
    "a parser of arguments": (
        "import argparse\nMODE = argparse.ArgumentParser().prog\n",
        "reads the command line",
    ),
    "the program": ("import sys\nMODE = vars(sys.modules['__main__'])['__file__']\n", "looks at the program"),
    "arguments as the program alone": (
        "import sys\nMODE = 1\nif __name__ == '__main__':\n    sys.exit(len(sys.argv))\n",
        "",
    ),
    "variables": ("import os\nos.putenv('X', '1')\nMODE = 1\n", "changes the environment past os.environ"),
    "the import path": ("import sys\nMODE = sys.path[-1], len(list(sys.path))\n", "asks for the import path"),
    "the import path to add to it": (
        "import sys\nMODE = 1\nif '/app' not in sys.path:\n    sys.path.insert(0, '/app')\n",
        "",
    ),
    "modules": ("import sys\nMODE = 'reactor' in sys.modules\n", "asks for whether there is a module reactor"),
}
"""What a module asks of its process, and why it is not imported early ('' if it is)."""


@pytest.mark.skipif(sys.version_info < (3, 12), reason="code that starts is not told")
@pytest.mark.parametrize("what", ASKS)
def test_what_a_module_asks_of_its_process(project: Project, what: str) -> None:
    """It gets the answer of plain pytest; where a layer has another, each run imports the module."""
    text, why = ASKS[what]
    _write(
        project,
        {
            "app/main.py": text,
            "reactor.py": "import socket\nPAIR = socket.socketpair()\n",
            "conftest.py": "import sys\ndef pytest_configure(config):\n"
            "    import reactor\n    sys.path.append('/of/the/run')\n",
        },
    )
    warm = project.warm_up("-x")

    assert _shown(warm.stdout) == _shown(project.plain("-x").stdout)
    rejected = project.status().rejected
    assert why in rejected.get("app.main", "") if why else "app.main" not in rejected


def test_a_module_that_asks_for_the_working_directory(project: Project) -> None:
    """A run in another folder gets that one; from then on each run imports the module."""
    project.write("tests/data.txt", "")
    text = "import os, pathlib\nMODE = os.path.exists('data.txt'), pathlib.Path('data.txt').resolve().name\n"
    _write(project, {"app/main.py": text})
    project.warm_up()
    command = [str(BIN / "pytest"), ".."]
    warm = project.run(command, cwd=project.root / "tests")
    plain = project.run(command, {"PYTEST_DAEMON_DISABLE": "1"}, cwd=project.root / "tests")

    assert _shown(warm.stdout) == _shown(plain.stdout)
    assert "asks for the file data.txt" in project.status().rejected["app.main"]  # [process-asked]


HOOK = """
    import importlib.machinery, sys
    class Loader(importlib.machinery.SourceFileLoader):
        def get_code(self, name):
            return compile(self.get_data(self.path).replace(b"plain", b"instrumented"), self.path, "exec")
    class Finder:
        @staticmethod
        def find_spec(name, path, target=None):
            spec = importlib.machinery.PathFinder.find_spec(name, path) if name == "app.main" else None
            if spec is not None:
                spec.loader = Loader(name, spec.origin)
            return spec
    sys.meta_path.insert(0, Finder)
    """
GENERATOR = """
    import pathlib
    here = pathlib.Path(__file__).parent
    (here / "app" / "main.py").write_text((here / "source.txt").read_text())
    """


@pytest.mark.measured
@pytest.mark.parametrize(("code", "conftest"), [("import-hook", HOOK), ("file-rewritten", GENERATOR)])
def test_what_a_conftest_file_makes_of_imports(project: Project, code: str, conftest: str) -> None:
    """A hook sees the modules of the project, and a file that it writes is imported as it is now."""
    _write(project, {"app/main.py": "MODE = 'plain'\n", "source.txt": "MODE = 'one'\n", "conftest.py": conftest})
    project.warm_up()
    assert project.status().rejected["app.main"], code
    project.write("source.txt", "MODE = 'another'\n")

    assert _shown(project.pytest().stdout) == _shown(project.plain().stdout)
    assert _shown(project.pytest().stdout) == _shown(project.plain().stdout)


def test_two_helpers_of_one_name(project: Project) -> None:
    """Each folder's tests get the helper of their folder, whichever was imported early."""
    for folder in ("one", "two"):
        project.write(f"{folder}/helper.py", f"NAME = {folder!r}\n")
        project.write(f"{folder}/test_{folder}.py", "import helper\ndef test_it(): assert helper.NAME == ''\n")
    for args in (("one",), ("two",), (), ("one",), ("two",)):
        result = project.pytest("-q", *args)
        project.settle()

        assert _shown(result.stdout) == _shown(project.plain("-q", *args).stdout)
        assert result.was_warm


@pytest.mark.parametrize(
    "adds",
    [
        "sys.path.insert(0, LIB)",
        "sys.path.append(LIB)",
        "sys.path.insert(0, LIB)\nimport library",
        "if LIB not in sys.path: sys.path.insert(0, LIB)",
    ],
)
def test_modules_that_extend_the_path(project: Project, adds: str) -> None:
    """What a helper adds to `sys.path` is there in runs that import it, and in no others."""
    project.write("lib/library.py", "")
    project.write("helper.py", f"import sys\nLIB = {str(project.root / 'lib')!r}\n{adds}\n")
    project.write("test_it.py", "import sys, helper, library\ndef test_it(): assert sys.path.index(helper.LIB) == ''\n")
    project.write(
        "test_other.py", "import sys\ndef test_it(): assert [p for p in sys.path if p[-4:] == '/lib'] == ''\n"
    )
    project.warm_up("-q")
    for args in ((), ("test_it.py",), ("test_other.py",)):
        result = project.pytest("-q", *args)

        assert _shown(result.stdout) == _shown(project.plain("-q", *args).stdout)
        assert result.was_warm
    assert not project.status().rejected


def test_what_pytest_changes_itself(project: Project) -> None:
    """A module that imports threading, whose hook pytest replaces in every run, is served from the project layer."""
    project.write("own.py", "import threading\n")
    project.write("conftest.py", "")
    project.write("test_it.py", "import own\ndef test_it(): pass\n")
    project.warm_up("-q")
    before = project.status().layer("project")
    result = project.pytest("-q")
    after = project.status().layer("project")

    assert result.was_warm
    assert before is not None
    assert after is not None
    assert after.runs_served == before.runs_served + 1


def test_native_threads_that_a_module_of_the_project_starts(project: Project) -> None:
    """By C code that it calls: those of a library that is only imported may stay."""
    project.write(
        "app.py",
        """
        import ctypes
        library = ctypes.CDLL(None)
        library.pthread_create(ctypes.byref(ctypes.c_ulong()), None, ctypes.cast(library.pause, ctypes.c_void_p), None)
        """,
    )
    project.write("test_it.py", "import app\n\ndef test_it():\n    pass\n")
    project.warm_up()
    assert "app calls C code" in project.status().rejected["app"]


USUAL = """
    from __future__ import annotations
    import abc, asyncio, base64, collections, concurrent.futures, contextlib, csv, dataclasses, datetime, decimal, enum
    import functools, hashlib, importlib.metadata, inspect, io, json, logging, operator, os, pathlib, queue, random, re
    import string, struct, sys, tempfile, textwrap, threading, time, types, typing, unittest.mock, uuid, weakref
    import warnings
    from contextvars import ContextVar
    from typing import TYPE_CHECKING, Any, Generic, NamedTuple, NewType, Protocol, TypedDict, TypeVar
    if TYPE_CHECKING:
        import nothing_of_that_name
    try:
        import nothing_of_that_name as fast
    except ImportError:
        fast = None
    T = TypeVar("T")
    UserId = NewType("UserId", int)
    logger = logging.getLogger(__name__)
    logger.addHandler(logging.NullHandler())
    logger.debug("imported")
    PATTERN = re.compile(r"[a-z]+")
    HERE = pathlib.Path(__file__).parent
    ROOT = os.path.dirname(os.path.abspath(__file__))
    TEMPORARY = pathlib.Path(tempfile.gettempdir(), "app")
    HOME = pathlib.Path.home()
    DEBUG = os.environ.get("DEBUG", "") == "1"
    PORT = int(os.getenv("PORT", "80"))
    __version__ = importlib.metadata.version("pytest")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.warn("old", DeprecationWarning)
    LOCKS = threading.Lock(), threading.RLock(), threading.Event(), threading.Condition(), threading.local()
    VAR: ContextVar[int] = ContextVar("VAR", default=0)
    ONE = decimal.Decimal("1.10")
    EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    PARSED = datetime.datetime.strptime("2020-01-02", "%Y-%m-%d").strftime("%A")
    FIXED = time.gmtime(0), datetime.datetime.fromtimestamp(0, datetime.timezone.utc)
    IDS = uuid.UUID(int=1), uuid.uuid5(uuid.NAMESPACE_DNS, "app")
    DIGEST = hashlib.sha256(base64.b64encode(b"x")).hexdigest()
    class Color(enum.Enum):
        RED = 1
        BLUE = enum.auto()
    class Row(NamedTuple):
        a: int
    Point = collections.namedtuple("Point", "x y")
    class Movie(TypedDict):
        name: str
    @dataclasses.dataclass(frozen=True, slots=True, order=True)
    class Item(Generic[T]):
        a: int
        b: list[T] = dataclasses.field(default_factory=list)
    class Shape(abc.ABC):
        @abc.abstractmethod
        def area(self): ...
    class Square(Shape):
        def area(self): return 1
        @functools.cached_property
        def lazy(self): return 2
    Shape.register(int)
    @typing.runtime_checkable
    class Sized(Protocol):
        def size(self) -> int: ...
    @functools.lru_cache(maxsize=None)
    def cached(n): return n
    cached(3)
    @functools.singledispatch
    def show(value): return "value"
    @show.register
    def _(value: int): return "int"
    @contextlib.contextmanager
    def managed(): yield 1
    with managed() as MANAGED:
        pass
    NAMES = types.MappingProxyType({name: value for name, value in vars(Color).items() if name[0] != "_"})
    GETTER = operator.attrgetter("a")
    WAITING = queue.Queue(), asyncio.Lock(), concurrent.futures.ThreadPoolExecutor(2)
    WEAK = weakref.WeakValueDictionary(), weakref.ref(Square)
    PACKED = struct.Struct("<I"), string.Template("$x"), textwrap.dedent("  text"), csv.reader(io.StringIO("a,b"))
    SIGNATURE = inspect.signature(cached)
    DATA = json.loads((HERE / "data.json").read_text())
    with open(os.path.join(ROOT, "data.json")) as handle:
        TEXT = handle.read()
    IS_NEW = sys.version_info >= (3, 12) and sys.platform.startswith("linux")
    MOCK = unittest.mock.MagicMock()
    os.makedirs(HERE / "logs" / "app", exist_ok=True)
    pathlib.Path("reports").mkdir(exist_ok=True)
    CHOSEN = random.Random(42).random()
    Alias = dict[str, Any] | None
    def __getattr__(name): raise AttributeError(name)
    def late():
        import xml.dom
    """
"""What usual modules do when they are imported."""


def test_what_is_usual_is_early(project: Project) -> None:
    """None of it is of a run's own process: such a module stays in the layer."""
    project.write("data.json", "{}")
    project.write("app.py", USUAL)
    project.write("test_it.py", "import app\n\ndef test_it():\n    assert app.IS_NEW is not None\n")
    warm = project.warm_up()
    layer = project.status().layer("project")

    assert warm.returncode == 0, warm.stdout
    assert project.status().rejected == {}
    assert layer is not None
    assert layer.runs_served


@pytest.mark.skipif(sys.version_info < (3, 12), reason="calls are not told")
def test_a_folder_that_a_module_makes(project: Project) -> None:
    """It is there in each run that imports the module, whoever removes it; the run that finds it makes nothing."""
    project.write("app.py", "import os\nos.makedirs('made', exist_ok=True)\n")
    project.write("test_it.py", "import app, os\n\ndef test_it():\n    assert os.path.isdir('made')\n")
    for _ in range(2):
        project.warm_up()
        layer = project.status().layer("project")
        assert layer is not None
        assert layer.runs_served
        assert project.status().rejected == {}
        (project.root / "made").rmdir()
        assert project.pytest().returncode == 0


_TOLD = pytest.mark.skipif(sys.version_info < (3, 12), reason="calls are not told")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("KEPT = open(__file__)", "app leaves a file open"),
        ("import os; KEPT = os.pipe()", "app leaves a pipe open"),
        ("import mmap; KEPT = mmap.mmap(-1, 8)", "app leaves memory that forks share"),
        ("import logging; KEPT = logging.StreamHandler()", "app keeps a standard stream"),
        ("import os; PID = os.getpid()", "app asks for the process id"),
        ("import sys; sys.argv[1:] = []", "app reads the command line"),
        ("import os; os.fork = None", "app changes os.fork"),
        ("import signal; signal.alarm(600)", "app changes timers"),
        ("import random; SALT = random.random()", "app draws random numbers"),
        ("import weakref; KEPT = weakref.finalize(print, print)", "app changes what is finalized at the end"),
        pytest.param("import uuid; ID = uuid.uuid4()", "app draws random numbers", marks=_TOLD),
        pytest.param("import datetime; START = datetime.datetime.now()", "app reads the clock", marks=_TOLD),
        pytest.param("import os; os.chmod(__file__, 0o644)", "app changes files", marks=_TOLD),
        ("open('written', 'w').close()", "app changes files"),
        pytest.param("import os; os.umask(os.umask(0))", "app asks what its process may do", marks=_TOLD),
        pytest.param("open('/proc/self/environ').close()", "app asks for its process", marks=_TOLD),
        pytest.param("import codecs; codecs.register(lambda _: None)", "app registers a codec", marks=_TOLD),
        pytest.param("import faulthandler; faulthandler.disable()", "app changes faulthandler", marks=_TOLD),
    ],
)
def test_what_only_the_process_of_a_run_can_do(project: Project, code: str, reason: str) -> None:
    """A module that keeps or changes what each process has for itself is imported by the runs."""
    project.write("app.py", f"{code}\n")
    project.write("test_it.py", "import app\n\ndef test_it():\n    pass\n")
    project.warm_up()
    assert project.status().rejected["app"] == f"{reason} when it is imported"
    result = project.pytest()
    assert result.was_warm
    assert result.returncode == 0, result.stdout


def test_what_a_module_registers_with_another(project: Project) -> None:
    """A run that imports the other alone does not see it; from then on each run imports the one that registers."""
    project.write(
        "registry.py", "class Registry:\n    def __init__(self):\n        self.names = []\n\nALL = Registry()\n"
    )
    project.write("app.py", "import registry\n\nregistry.ALL.names.append('app')\n")
    project.write("test_all.py", "import app, registry\n\ndef test_it():\n    assert registry.ALL.names == ['app']\n")
    project.write("test_alone.py", "import registry\n\ndef test_it():\n    assert registry.ALL.names == []\n")
    assert project.warm_up("test_all.py").returncode == 0

    alone = project.pytest("test_alone.py")

    assert alone.was_warm
    assert alone.returncode == 0, alone.stdout
    assert "app changes what registry holds" in project.status().rejected["app"]  # [imported-too-early]
    assert project.pytest().returncode == 1  # as in plain pytest: test_all imports it first


def test_modules_that_nobody_has_imported_into_their_package(project: Project) -> None:
    """``import app`` is not ``import app.sub``, whatever other runs have imported; what a module imports is there."""
    project.write("app/__init__.py", "")
    project.write("app/sub.py", "")
    project.write("app/other.py", "import app.sub\n")
    project.write("test_it.py", "import app.other\ndef test_it(): assert app.sub == ''\n")
    project.write("test_from.py", "from app import sub\nimport app\ndef test_it(): assert app.sub is sub == ''\n")
    project.write("test_without.py", "import app\ndef test_it(): assert app.sub == ''\n")
    project.warm_up("-q")
    for test in ("test_it.py", "test_from.py", "test_without.py"):
        result = project.pytest("-q", test)

        assert _shown(result.stdout) == _shown(project.plain("-q", test).stdout)
        assert result.was_warm
    layer = project.status().layer("project")
    assert layer is not None
    assert layer.runs_served > 1


def test_handlers_of_forks(project: Project) -> None:
    """What a module has registered runs for the forks of tests only."""
    project.write("app.py", "import os\nFORKS = []\nos.register_at_fork(before=lambda: FORKS.append(1))\n")
    project.write(
        "test_it.py",
        """
        import app, os

        def test_it():
            before = len(app.FORKS)
            if os.fork() == 0:
                os._exit(0)
            os.wait()
            assert (before, len(app.FORKS)) == (0, 1)
        """,
    )
    project.warm_up()
    assert project.pytest().returncode == 0
    assert not project.status().rejected


@pytest.mark.parametrize(
    ("opens", "reason"),
    [
        ("sqlite3.connect('x.db').execute('create table if not exists t (n)')", "leaves a file open for writing"),
        ("open('x.db', 'a')", "changes files"),
    ],
)
def test_files_that_a_module_leaves_open_for_writing(project: Project, opens: str, reason: str) -> None:
    """Runs must not share them: the file may be gone by then, and a connection of SQLite must not cross a fork."""
    project.write("app.py", f"import sqlite3\nkept = {opens}\n")
    project.write("test_it.py", "import os, app\n\ndef test_it():\n    assert os.path.exists('x.db')\n")
    project.warm_up()
    assert f"app {reason}" in project.status().rejected["app"]
    project.remove("x.db")
    result = project.pytest()
    assert result.was_warm
    assert result.returncode == 0, result.stdout
