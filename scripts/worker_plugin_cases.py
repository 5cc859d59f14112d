"""The projects that `scripts.worker_plugins` runs besides those of `scripts.plugin_cases`, and what is said of some."""

from scripts.plugin_cases import CASES, TIMES, Case

RUN = (
    r'"(?:duration|start|stop)": ?[\d.]+(?:e-\d+)?',
    r"\b[\d.]+e-\d+\b",
    *TIMES,
    r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b",
    r"\b[0-9a-f]{32}\b",
    r"\b\d{10,}\b",
    r"pytest-\d+",
    r"\bgw\d+\b",
)
"""What no two runs agree on, with pytest-xdist: which worker, process and folder, when, and for how long."""

MORE = (
    Case(
        "pytest-json-report",
        {
            "test_meta.py": """
                def test_meta(json_metadata, record_property):
                    json_metadata["own"] = 1
                    record_property("kind", "x")
                    print("printed")

                def test_warns():
                    import warnings
                    warnings.warn("careful")
                """
        },
        commands=(("--json-report", "--json-report-indent=1", "--json-report-omit", "keywords", "collectors"),),
        artifacts=(".report.json",),
        masks=RUN,
    ),
    Case(
        "pytest-json-ctrf",
        {"test_skip.py": "import pytest\n\n@pytest.mark.skip\ndef test_skipped(): ...\n"},
        commands=(("--ctrf", "ctrf.json"),),
        artifacts=("ctrf.json",),
        masks=RUN,
    ),
    Case(
        "pytest-metadata",
        {
            "test_meta.py": """
                def test_meta(metadata):
                    assert metadata["owner"] == "me"
                    assert "Plugins" in metadata
                """
        },
        commands=(("--metadata", "owner", "me", "-v"),),
    ),
    Case(
        "pytest-forked",
        {
            "test_forked.py": """
                import os
                import pytest

                STATE = []

                @pytest.fixture(scope="module")
                def shared():
                    yield 1

                @pytest.mark.parametrize("n", range(4))
                def test_alone(n, shared):
                    assert not STATE
                    STATE.append(n)

                def test_crash(): os.kill(os.getpid(), 11)
                """
        },
        commands=(("--forked",),),
    ),
    Case("pytest-repeat", {}, commands=(("--count=3",), ("--count=2", "--repeat-scope=session"))),
    Case(
        "pytest-order",
        {
            "test_order.py": """
                import pytest

                @pytest.mark.order(2)
                def test_b(): ...

                @pytest.mark.order(1)
                def test_a(): ...
                """
        },
        commands=((), ("--order-scope=module",)),
    ),
    Case(
        "pytest-split",
        {},
        commands=(("--splits=2", "--group=1"), ("--store-durations", "--clean-durations")),
        artifacts=(".test_durations",),
        masks=(*RUN, r"\d+(?:\.\d+)?(?:e-\d+)?"),
    ),
    Case("pytest-rich", {}, commands=(("--rich",),)),
    Case("pytest-instafail", {}, commands=(("--instafail", "-vv"),)),
    Case(
        "pytest-trio",
        {
            "test_trio.py": """
                import pytest
                import trio

                @pytest.fixture
                async def value():
                    await trio.sleep(0)
                    yield 3

                @pytest.mark.trio
                async def test_value(value):
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(trio.sleep, 0.01)
                    assert value == 3

                @pytest.mark.trio
                async def test_clock(autojump_clock):
                    await trio.sleep(100)
                """
        },
    ),
    Case(
        "pytest-twisted",
        {
            "test_twisted.py": """
                import pytest
                import pytest_twisted
                from twisted.internet import defer, reactor, task

                @pytest_twisted.inlineCallbacks
                def test_waits():
                    value = yield task.deferLater(reactor, 0.01, lambda: 3)
                    assert value == 3

                @pytest_twisted.ensureDeferred
                async def test_async():
                    assert await defer.succeed(4) == 4
                """
        },
        requirements=("twisted",),
    ),
    Case(
        "pytest-bdd",
        {
            "net.feature": """
                Feature: prices
                    Scenario: gross
                        Given a net price of 2
                        When tax is added
                        Then the price is 4

                    Scenario: wrong
                        Given a net price of 2
                        When tax is added
                        Then the price is 5
                """,
            "test_bdd.py": """
                from app.pricing import gross
                from pytest_bdd import given, parsers, scenarios, then, when

                scenarios("net.feature")

                @given(parsers.parse("a net price of {net:d}"), target_fixture="net")
                def net(net): return net

                @when("tax is added", target_fixture="price")
                def price(net): return gross(net)

                @then(parsers.parse("the price is {expected:d}"))
                def check(price, expected): assert price == expected
                """,
        },
        commands=((), ("--cucumberjson=cucumber.json", "-v")),
        artifacts=("cucumber.json",),
        masks=RUN,
    ),
    Case(
        "allure-pytest",
        {
            "test_allure.py": """
                import allure
                import pytest

                @allure.title("a title")
                @allure.severity("critical")
                @pytest.mark.parametrize("n", [1, 2])
                def test_steps(n):
                    with allure.step("first"):
                        allure.attach("text", "name")
                """,
        },
        commands=(("--alluredir=allure",),),
        artifacts=("allure/*-result.json", "allure/*-container.json", "allure/*-attachment*"),
        masks=(*RUN, r"\d+-MainThread"),
    ),
    Case(
        "inline-snapshot",
        {"test_shot.py": "from inline_snapshot import snapshot\n\ndef test_shot():\n    assert 1 + 1 == snapshot(2)\n"},
        commands=(("-p", "inline_snapshot"), ("--inline-snapshot=create",)),
        artifacts=("test_shot.py",),
    ),
    Case("pytest-reportlog", {}, commands=(("--report-log=log.jsonl",),), masks=RUN),
    Case("pytest-random-order", {}, commands=(("--random-order", "--random-order-seed=3"),)),
    Case("pytest-clarity", {}, commands=(("-vv",),)),
    Case(
        "pytest-custom-exit-code",
        {},
        commands=(("--suppress-tests-failed-exit-code",), ("-k", "no_such", "--suppress-no-test-exit-code")),
    ),
    Case(
        "pytest-check",
        {
            "test_check.py": """
                from pytest_check import check

                def test_two():
                    check.equal(1, 2)
                    check.equal(3, 4)
                """
        },
    ),
    Case(
        "pytest-dependency",
        {
            "test_dep.py": """
                import pytest

                @pytest.mark.dependency
                def test_a(): assert False

                @pytest.mark.dependency(depends=["test_a"])
                def test_b(): ...
                """
        },
        commands=(("--dist=loadfile",),),
    ),
    Case(
        "pytest-retry",
        {
            "test_flaky.py": """
                import pytest

                TRIES = []

                @pytest.mark.flaky(retries=2)
                def test_flaky():
                    TRIES.append(1)
                    assert len(TRIES) > 1
                """
        },
        commands=((), ("--retries=1",)),
    ),
    Case("pytest-github-actions-annotate-failures", {}),
    Case(
        "pytest-socket",
        {"test_net.py": "import socket\n\ndef test_net():\n    socket.socket()\n"},
        commands=(("--disable-socket", "--allow-unix-socket"),),
    ),
    Case("pytest-durations", {}),
    Case("pytest-md", {}, commands=(("--md=report.md",),), artifacts=("report.md",), masks=RUN),
    Case("pytest-testdox", {}, commands=(("--testdox",),)),
    Case(
        "pytest-harvest",
        {"test_harvest.py": "def test_bag(results_bag):\n    results_bag.score = 3\n"},
    ),
    Case("pytest-csv", {}, commands=(("--csv=out.csv",),), artifacts=("out.csv",), masks=(*RUN, r"\d+\.\d+")),
    Case("pytest-pretty", {}),
    Case(
        "pytest-regressions",
        {
            "test_data.py": "def test_data(data_regression):\n    data_regression.check({'a': 1})\n",
            "test_data/test_data.yml": "a: 1\n",
        },
    ),
    Case(
        "pytest-subprocess",
        {
            "test_fake.py": """
                import subprocess

                def test_fake(fp):
                    fp.register(["no-such-program"], stdout="x")
                    assert subprocess.check_output(["no-such-program"]).strip() == b"x"
                """
        },
    ),
    Case(
        "pytest-aiohttp",
        {
            "test_web.py": """
                from aiohttp import web

                async def test_hello(aiohttp_client):
                    async def hello(request): return web.Response(text="hello")
                    app = web.Application()
                    app.router.add_get("/", hello)
                    client = await aiohttp_client(app)
                    assert await (await client.get("/")).text() == "hello"
                """
        },
        ini="asyncio_mode = auto\n",
    ),
    Case("pytest-playwright", {"test_page.py": "def test_page(page): ...\n"}, commands=(("--collect-only", "-q"),)),
    Case("pytest-selenium", {"test_page.py": "def test_page(selenium): ...\n"}, commands=(("--collect-only", "-q"),)),
    Case("pytest-qt", {"test_qt.py": "def test_box(qtbot): ...\n"}, commands=(("-p", "no:pytest-qt"),)),
    Case("pytest-reportportal", {}),
)

SKIPPED = frozenset({"pytest-xdist", "celery", "freezegun", "responses", "pytest-dotenv", "teamcity-messages"})
"""Cases of `scripts.plugin_cases` that are about libraries, or the same as without workers."""

ALL = (*MORE, *(case for case in CASES if case.name not in SKIPPED and not case.needs))

SENTENCES: dict[str, str] = {
    "pytest-timeout": "of a test whose worker `--timeout-method=thread` ends, that its set-up passed is not reported",
}
"""What is said in the table of a plugin that differs, by its name."""
