"""The projects that `scripts.plugins` runs: one for each plugin, small, and using what the plugin is for."""

from dataclasses import dataclass

APP = {
    "app/__init__.py": "",
    "app/pricing.py": """
        RATE = 2

        def gross(net):
            if net < 0:
                raise ValueError("negative")
            return net * RATE

        def unused():
            return 1
        """,
    "test_pricing.py": """
        import pytest
        from app.pricing import gross

        @pytest.mark.parametrize("net", [1, 2, 3])
        def test_gross(net):
            assert gross(net) == 2 * net

        def test_negative():
            with pytest.raises(ValueError, match="neg"):
                gross(-1)

        def test_wrong():
            assert gross(1) == 3
        """,
}
"""A module that is imported early, tests that pass, and one that fails."""

TIMES = (r"\d+:\d\d:\d\d(?:[.,]\d+)?", r"\d\d-\w{3}-\d{4}", r"\d+(?:\.\d+)? ?m?s\b", r"\b\d+\.\d+\b")
"""Masks of what no two runs agree on: clock, date, durations."""


OUR_FRAMES = r'  File "[^"]*(?:pytest_zygote|bin/pytest|<string>)[^\n]*\n(?:    [^\n]*\n)*'

RATHER = {"test_pricing.py": "from app.pricing import gross\n\ndef test_gross():\n    assert gross(1) == 2\n"}


@dataclass(frozen=True)
class Case:
    """A plugin, a project that uses it, and commands.

    Attributes:
        name: the distribution; its version is shown.
        requirements: what the project needs besides.
        files: path → text of the project, beside `APP`.
        ini: lines of the ini-file.
        commands: command lines, each run plain and warm.
        artifacts: files that a run writes, compared too.
        masks: patterns that are replaced before texts are compared.
        is_unordered: whether the order of tests and of lines is chance.
        needs: an environment variable without which the case is left out; a file of this name has its value.
        key: tells two cases of one distribution apart.
        note: what the table says besides.
        note_of_workers: the same of runs with them.
        without_workers: commands that are not tried with them.
        in_order: files that list tests in the order in which they ran, or name workers: not compared with workers.
    """

    name: str
    files: dict[str, str]
    requirements: tuple[str, ...] = ()
    ini: str = ""
    commands: tuple[tuple[str, ...], ...] = ((), ("-v", "-rA"))
    artifacts: tuple[str, ...] = ()
    masks: tuple[str, ...] = ()
    is_unordered: bool = False
    needs: str = ""
    key: str = ""
    note: str = ""
    note_of_workers: str = ""
    without_workers: tuple[tuple[str, ...], ...] = ()
    in_order: tuple[str, ...] = ()


DJANGO = {
    "config/__init__.py": "",
    "config/settings.py": """
        import os
        SECRET_KEY = "x"
        INSTALLED_APPS = [
            "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
            "django.contrib.messages", "rest_framework", "shop",
        ]
        MIDDLEWARE = [
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
        ]
        TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True, "OPTIONS": {
            "context_processors": [
                "django.contrib.auth.context_processors.auth", "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.request",
            ]}}]
        ROOT_URLCONF = "config.urls"
        if os.path.exists("SHOP_POSTGRES"):
            user, _, password = open("SHOP_POSTGRES").read().partition(":")
            DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "shop", "HOST": "localhost",
                "USER": user, "PASSWORD": password}}
        else:
            DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3",
                "TEST": {"NAME": "test.sqlite3"}}}
        DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
        USE_TZ = True
        """,
    "config/urls.py": """
        from django.contrib import admin
        from django.urls import include, path
        from rest_framework.routers import DefaultRouter
        from shop.views import ProductViewSet
        router = DefaultRouter()
        router.register("products", ProductViewSet)
        urlpatterns = [path("admin/", admin.site.urls), path("api/", include(router.urls))]
        """,
    "shop/__init__.py": "",
    "shop/apps.py": """
        from django.apps import AppConfig
        READY = []

        class ShopConfig(AppConfig):
            name = "shop"

            def ready(self):
                READY.append(self.name)
                from shop import signals
        """,
    "shop/signals.py": """
        from django.db.models.signals import post_save
        from django.dispatch import receiver
        from shop.models import Product
        SAVED = []

        @receiver(post_save, sender=Product)
        def saved(sender, instance, **kwargs):
            SAVED.append(instance.name)
        """,
    "shop/models.py": """
        from django.db import models

        class Product(models.Model):
            name = models.CharField(max_length=80)
            price = models.DecimalField(max_digits=8, decimal_places=2)

            def gross(self):
                return self.price * 2
        """,
    "shop/migrations/__init__.py": "",
    "shop/migrations/0001_initial.py": """
        from django.db import migrations, models

        class Migration(migrations.Migration):
            initial = True
            operations = [migrations.CreateModel(name="Product", fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=80)),
                ("price", models.DecimalField(decimal_places=2, max_digits=8)),
            ])]
        """,
    "shop/admin.py": """
        from django.contrib import admin
        from shop.models import Product
        admin.site.register(Product)
        """,
    "shop/serializers.py": """
        from rest_framework import serializers
        from shop.models import Product

        class ProductSerializer(serializers.ModelSerializer):
            class Meta:
                model = Product
                fields = ["id", "name", "price"]
        """,
    "shop/views.py": """
        from rest_framework.viewsets import ModelViewSet
        from shop.models import Product
        from shop.serializers import ProductSerializer

        class ProductViewSet(ModelViewSet):
            queryset = Product.objects.all()
            serializer_class = ProductSerializer
        """,
    "test_shop.py": """
        import pytest
        from django.conf import settings
        from django.db import connection
        from shop import apps, signals
        from shop.models import Product
        from rest_framework.test import APIClient

        def test_gross():
            assert Product(price=3).gross() == 6

        def test_apps_are_ready_once():
            assert apps.READY == ["shop"]
            print(settings.DATABASES["default"]["ENGINE"])

        @pytest.mark.django_db
        def test_api():
            client = APIClient()
            assert client.post("/api/products/", {"name": "a", "price": "1.50"}).status_code == 201
            assert client.get("/api/products/").json()[0]["name"] == "a"
            assert Product.objects.count() == 1
            assert signals.SAVED[-1] == "a"

        @pytest.mark.django_db
        def test_empty():
            assert Product.objects.count() == 0

        @pytest.mark.django_db(transaction=True)
        def test_transaction(django_assert_num_queries):
            with django_assert_num_queries(1):
                Product.objects.create(name="b", price=1)

        def test_no_database():
            Product.objects.count()

        def test_admin(admin_client):
            assert admin_client.get("/admin/").status_code == 200

        def test_settings(settings):
            settings.DEBUG = True
            assert settings.DEBUG

        def test_mail(mailoutbox):
            from django.core.mail import send_mail
            send_mail("s", "b", "a@example.org", ["b@example.org"])
            assert len(mailoutbox) == 1

        def test_live(live_server):
            from urllib.request import urlopen
            assert urlopen(live_server.url + "/api/products/").status == 200
        """,
}

CASES = (
    Case(
        "pytest-django",
        DJANGO,
        ("django", "djangorestframework"),
        "DJANGO_SETTINGS_MODULE = config.settings\n",
        (
            ("-v", "-rA"),
            ("test_shop.py::test_gross",),
            ("--create-db", "--reuse-db"),
            ("--reuse-db",),
            ("--no-migrations", "--ds=config.settings"),
            ("--fail-on-template-vars",),
        ),
        key="sqlite",
    ),
    Case(
        "pytest-django",
        DJANGO,
        ("django", "djangorestframework", "psycopg[binary]"),
        "DJANGO_SETTINGS_MODULE = config.settings\n",
        (("-v", "-rA"), ("--create-db", "--reuse-db"), ("--reuse-db",), ("--create-db",)),
        needs="SHOP_POSTGRES",
        key="postgresql",
    ),
    Case(
        "pytest-asyncio",
        {
            "test_async.py": """
                import asyncio
                import pytest, pytest_asyncio
                from app.pricing import gross

                @pytest_asyncio.fixture
                async def price():
                    await asyncio.sleep(0)
                    yield gross(2)

                @pytest_asyncio.fixture(loop_scope="session", scope="session")
                async def server():
                    server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
                    yield server.sockets[0].getsockname()[1]
                    server.close()

                @pytest.mark.asyncio
                async def test_price(price):
                    assert price == 4

                @pytest.mark.asyncio(loop_scope="session")
                async def test_server(server):
                    reader, writer = await asyncio.open_connection("127.0.0.1", server)
                    assert await reader.read() == b""
                    writer.close()

                @pytest.mark.asyncio
                async def test_subprocess():
                    process = await asyncio.create_subprocess_exec("true")
                    assert await process.wait() == 0

                async def test_unmarked():
                    pass

                def test_policy():
                    print(type(asyncio.new_event_loop()).__name__)
                """
        },
        commands=(("-v", "-rA"), ("--asyncio-mode=auto",)),
    ),
    Case(
        "anyio",
        {
            "test_async.py": """
                import anyio, pytest
                from app.pricing import gross

                @pytest.fixture
                async def price():
                    await anyio.sleep(0)
                    return gross(2)

                @pytest.mark.anyio
                async def test_price(price):
                    async with anyio.create_task_group() as group:
                        group.start_soon(anyio.sleep, 0)
                    assert price == 4

                @pytest.mark.anyio
                async def test_thread():
                    assert await anyio.to_thread.run_sync(gross, 1) == 2
                """
        },
        ("trio",),
    ),
    Case(
        "pytest-cov",
        {".coveragerc": "[run]\nbranch = true\n[json]\nshow_contexts = true\npretty_print = true\n"},
        commands=(
            ("--cov=app", "--cov-branch", "--cov-report=term-missing"),
            ("--cov", "--cov-report=json", "--cov-report=term", "--cov-context=test"),
            ("--cov=app", "--cov-append", "--cov-report=term", "-k", "negative"),
            ("--cov=app", "--cov-fail-under=99"),
            ("--cov=app", "--no-cov"),
        ),
        artifacts=("coverage.json",),
        masks=(r'"timestamp": "[^"]*"',),
    ),
    Case("pytest-xdist", {}, commands=(("-n", "2"), ("-n0",), ("-n", "1", "--dist=loadfile")), is_unordered=True),
    Case(
        "pytest-mock",
        {
            "test_mock.py": """
                from app import pricing

                def test_rate(mocker):
                    mocker.patch("app.pricing.RATE", 5)
                    assert pricing.gross(2) == 10

                def test_rate_is_back(mocker):
                    spy = mocker.spy(pricing, "gross")
                    assert pricing.gross(2) == 4
                    spy.assert_called_once_with(3)
                """
        },
    ),
    Case(
        "pytest-randomly",
        {
            "test_random.py": """
                import random
                import numpy

                def test_random():
                    print(random.random(), numpy.random.random())

                def test_more():
                    print(random.random())
                """
        },
        ("numpy",),
        commands=(
            ("-p", "randomly", "--randomly-seed=7", "-rA"),
            ("--randomly-seed=last", "-v"),
            ("-p", "no:randomly"),
        ),
    ),
    Case(
        "pytest-timeout",
        {
            "test_slow.py": """
                import threading
                import pytest

                @pytest.mark.timeout(0.3)
                def test_hangs():
                    threading.Event().wait()

                def test_after():
                    pass
                """
        },
        commands=(("--timeout-method=signal",), ("--timeout-method=thread",)),
        masks=(OUR_FRAMES, r"#+", r"0x[0-9a-f]+", r"\d{10,}", r"[~+]+"),
        note="but for the first frames of a dumped stack, which are ours",
        note_of_workers="but that a timeout by a thread ends the worker, not the run",
        without_workers=(("--timeout-method=thread",),),
    ),
    Case(
        "pytest-rerunfailures",
        {
            "test_flaky.py": """
                import pytest
                from app import pricing
                calls = []

                @pytest.mark.flaky(reruns=3)
                def test_flaky():
                    calls.append(1)
                    assert len(calls) == 3
                """
        },
        # Without it, the plugin reports no reruns of workers.
        requirements=("pytest-xdist",),
        commands=(("-v",), ("--reruns=2", "-rR")),
        note_of_workers="where pytest-xdist is installed",
    ),
    Case(
        "pytest-html",
        {},
        commands=(("--html=report.html", "--self-contained-html"),),
        artifacts=("report.html",),
        masks=TIMES,
        note_of_workers="but for the order of tests in the report",
        in_order=("report.html",),
    ),
    Case("pytest-sugar", {}, commands=((), ("--force-sugar",)), masks=TIMES),
    Case(
        "pytest-benchmark",
        {
            "test_speed.py": """
                from app.pricing import gross

                def test_speed(benchmark):
                    assert benchmark(gross, 2) == 4
                """
        },
        commands=(
            ("--benchmark-disable",),
            ("--benchmark-only", "--benchmark-warmup=off", "--benchmark-columns=rounds", "--benchmark-max-time=0.1"),
        ),
        masks=(r"\b[\d.,]+\b", r" +", r"-{3,}"),
        note_of_workers="but that `--benchmark-only` is refused, as with pytest-xdist",
        without_workers=(
            ("--benchmark-only", "--benchmark-warmup=off", "--benchmark-columns=rounds", "--benchmark-max-time=0.1"),
        ),
    ),
    Case(
        "hypothesis",
        {
            "conftest.py": """
                from hypothesis import settings
                settings.register_profile("few", max_examples=10)
                """,
            "test_given.py": """
                from hypothesis import given, strategies as st
                from app.pricing import gross

                @given(st.integers(0, 1000))
                def test_gross(net):
                    assert gross(net) >= net

                @given(st.integers(0, 1000))
                def test_wrong(net):
                    assert gross(net) < 100
                """,
        },
        commands=(
            ("--hypothesis-seed=1",),
            ("--hypothesis-profile=few", "--hypothesis-seed=1"),
            ("--hypothesis-show-statistics", "--hypothesis-seed=1", "-k", "given and gross"),
        ),
        masks=(*TIMES, r"~ ?\d+\S*", r"< \d+ms"),
    ),
    Case(
        "syrupy",
        {
            "test_shot.py": """
                from app.pricing import gross

                def test_same(snapshot):
                    assert gross(2) == snapshot

                def test_other(snapshot):
                    assert {"a": gross(3)} == snapshot
                """
        },
        commands=((), ("--snapshot-update",), ("-v",), ("--snapshot-details",)),
        note_of_workers="in one process",
        artifacts=("__snapshots__/test_shot.ambr",),
    ),
    Case(
        "freezegun",
        {
            "app/clock.py": """
                import datetime
                from datetime import datetime as now_class

                def today():
                    return datetime.date.today(), now_class.now()
                """,
            "test_time.py": """
                import datetime
                import time_machine
                from freezegun import freeze_time
                from app.clock import today

                @freeze_time("2020-02-02")
                def test_frozen():
                    assert today()[0] == datetime.date(2020, 2, 2)
                    print(today())

                @time_machine.travel("2021-03-03", tick=False)
                def test_travelled():
                    print(today())

                def test_back():
                    assert today()[0].year > 2021
                """,
        },
        ("time-machine",),
    ),
    Case(
        "responses",
        {
            "app/fetch.py": """
                import requests
                session = requests.Session()

                def fetch(url):
                    return session.get(url).json()
                """,
            "test_fetch.py": """
                import pytest, requests, responses
                from app.fetch import fetch

                @responses.activate
                def test_fetch():
                    responses.get("http://example.org/a", json={"a": 1})
                    assert fetch("http://example.org/a") == {"a": 1}

                @responses.activate
                def test_not_mocked():
                    with pytest.raises(requests.ConnectionError):
                        fetch("http://example.org/b")
                """,
        },
        ("requests",),
    ),
    Case(
        "pytest-env",
        {
            "app/settings.py": "import os\nURL = os.environ.get('SHOP_URL', 'none')\n",
            "test_env.py": """
                from app.settings import URL

                def test_url():
                    assert URL == "from-ini"
                """,
        },
        ini="env =\n    SHOP_URL=from-ini\n    D:SHOP_DEFAULT=1\n",
    ),
    Case(
        "pytest-dotenv",
        {
            ".env": "SHOP_URL=from-file\n",
            "app/settings.py": "import os\nURL = os.environ.get('SHOP_URL', 'none')\n",
            "test_env.py": """
                from app.settings import URL

                def test_url():
                    assert URL == "from-file"
                """,
        },
    ),
    Case(
        "pytest-flask",
        {
            "app/web.py": """
                from flask import Flask

                def make():
                    app = Flask(__name__)
                    app.add_url_rule("/", "index", lambda: {"ok": True})
                    return app
                """,
            "conftest.py": """
                import pytest
                from app.web import make

                @pytest.fixture
                def app():
                    return make()
                """,
            "test_web.py": """
                from flask import url_for

                def test_index(client):
                    assert client.get("/").json == {"ok": True}

                def test_url(client):
                    assert url_for("index") == "/"
                """,
        },
        ("flask",),
    ),
    Case(
        "pytest-recording",
        {
            "cassettes/test_fetch/test_recorded.yaml": """
                interactions:
                - request:
                    body: null
                    headers: {}
                    method: GET
                    uri: http://example.org/a
                  response:
                    body: {string: '{"a": 1}'}
                    headers: {Content-Type: [application/json]}
                    status: {code: 200, message: OK}
                version: 1
                """,
            "test_fetch.py": """
                import pytest, requests

                @pytest.mark.vcr
                def test_recorded():
                    assert requests.get("http://example.org/a").json() == {"a": 1}

                @pytest.mark.vcr
                def test_not_recorded():
                    requests.get("http://example.org/b")

                @pytest.mark.block_network
                def test_blocked():
                    requests.get("http://127.0.0.1:1/")
                """,
        },
        ("requests",),
        commands=(("--record-mode=none",),),
        masks=(r"0x[0-9a-f]+",),
    ),
    Case(
        "pytest-subtests",
        {
            "test_sub.py": """
                import unittest
                from app.pricing import gross

                def test_sub(subtests):
                    for net in (1, -1, 2):
                        with subtests.test(net=net):
                            assert gross(net) == 2

                class TestOld(unittest.TestCase):
                    def test_sub(self):
                        for net in (1, 2):
                            with self.subTest(net=net):
                                self.assertEqual(gross(net), 2)
                """
        },
    ),
    Case(
        "teamcity-messages",
        {},
        commands=((), ("--teamcity",)),
        masks=(r"timestamp='[^']*'", r"duration='[^']*'", r"flowId='[^']*'"),
    ),
    Case(
        "celery",
        {
            "app/jobs.py": """
                from celery import Celery
                queue = Celery("jobs", broker="memory://", backend="cache+memory://")

                @queue.task
                def double(number):
                    return 2 * number
                """,
            "conftest.py": "pytest_plugins = ('celery.contrib.pytest',)\n",
            "test_jobs.py": """
                from app.jobs import double

                def test_eager():
                    assert double.apply(args=(2,)).get() == 4

                def test_worker(celery_app, celery_worker):
                    @celery_app.task
                    def triple(number):
                        return 3 * number
                    celery_worker.reload()
                    assert triple.delay(2).get(timeout=10) == 6
                """,
        },
        ("celery[pytest]",),
    ),
    Case(
        "pytest-httpserver",
        {
            "test_server.py": """
                from urllib.request import urlopen
                from app.pricing import gross

                def test_server(httpserver):
                    httpserver.expect_request("/a").respond_with_json({"price": gross(1)})
                    assert urlopen(httpserver.url_for("/a")).read() == b'{"price": 2}'

                def test_again(httpserver):
                    httpserver.expect_request("/b").respond_with_data("b")
                    assert urlopen(httpserver.url_for("/b")).read() == b"b"
                """
        },
    ),
)

LIBRARIES = (
    Case(
        "sqlalchemy",
        {
            **RATHER,
            "app/db.py": """
                from sqlalchemy import create_engine, text
                from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker

                engine = create_engine("sqlite:///shop.sqlite3")
                Session = sessionmaker(engine)

                class Base(DeclarativeBase):
                    pass

                class Product(Base):
                    __tablename__ = "product"
                    id: Mapped[int] = mapped_column(primary_key=True)

                with engine.connect() as connection:
                    connection.execute(text("select 1"))  # leaves a connection in the pool
                """,
            "test_db.py": """
                from app.db import Base, Product, Session, engine

                def test_db():
                    Base.metadata.drop_all(engine)
                    Base.metadata.create_all(engine)
                    with Session() as session:
                        session.add(Product())
                        session.commit()
                        assert session.query(Product).count() == 1
                """,
        },
    ),
    Case(
        "psycopg",
        {
            **RATHER,
            "app/db.py": """
                import psycopg
                user, _, password = open("SHOP_POSTGRES").read().partition(":")
                connection = psycopg.connect(host="localhost", dbname="shop", user=user, password=password)
                """,
            "test_db.py": """
                from app.db import connection

                def test_db():
                    assert connection.execute("select 1").fetchone() == (1,)

                def test_backend():
                    assert connection.info.backend_pid > 0
                """,
        },
        ("psycopg[binary]",),
        needs="SHOP_POSTGRES",
        key="connected at import",
    ),
    Case(
        "redis",
        {
            **RATHER,
            "app/cache.py": "import redis\nclient = redis.Redis(port=1)\n",
            "test_cache.py": """
                import pytest, redis
                from app.cache import client

                def test_cache():
                    with pytest.raises(redis.ConnectionError):
                        client.get("a")
                """,
        },
    ),
    Case(
        "httpx",
        {
            **RATHER,
            "app/fetch.py": """
                import httpx
                client = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200)))
                """,
            "test_fetch.py": """
                from app.fetch import client

                def test_fetch():
                    assert client.get("http://example.org").status_code == 200
                """,
        },
    ),
    Case(
        "numpy",
        {
            **RATHER,
            "app/numbers.py": """
                import random
                import numpy
                random.seed(3)
                numpy.random.seed(3)
                first = random.random(), numpy.random.random()
                generator = numpy.random.default_rng(5)
                """,
            "test_numbers.py": """
                import random
                import numpy
                from app.numbers import first, generator

                def test_seeds():
                    print(first, random.random(), numpy.random.random(), generator.random())
                """,
        },
        commands=(("-rA",), ("-s",)),
        key="seeded at import",
    ),
    Case(
        "matplotlib",
        {
            **RATHER,
            "app/plot.py": "import matplotlib\nmatplotlib.use('Agg')\nfrom matplotlib import pyplot\n",
            "test_plot.py": """
                import matplotlib
                from app.plot import pyplot

                def test_plot(tmp_path):
                    pyplot.plot([1, 2])
                    pyplot.savefig(tmp_path / "plot.png")
                    print(matplotlib.get_backend(), matplotlib.rcParams["figure.dpi"])
                """,
        },
        commands=(("-rA",),),
    ),
    Case(
        "scikit-learn",
        {
            **RATHER,
            "app/model.py": """
                from sklearn.cluster import KMeans
                import numpy
                # Uses threads of OpenMP.
                model = KMeans(2, n_init=1, random_state=0).fit(numpy.arange(400.0).reshape(200, 2))
                """,
            "test_model.py": """
                import numpy
                from app.model import model

                def test_model():
                    print(model.predict(numpy.arange(4.0).reshape(2, 2)))
                    model.fit(numpy.arange(400.0).reshape(200, 2))
                """,
        },
        commands=(("-rA",),),
        key="used at import",
    ),
    Case(
        "polars",
        {
            **RATHER,
            "app/frame.py": """
                import polars
                frame = polars.DataFrame({"a": range(1000)})
                total = frame.lazy().group_by(polars.col("a") % 7).agg(polars.len()).collect()  # its thread pool
                """,
            "test_frame.py": """
                import polars
                from app.frame import frame, total

                def test_frame():
                    assert frame.lazy().select(polars.col("a").sum()).collect().item() == 499500
                """,
        },
        key="used at import",
    ),
    Case(
        "grpcio",
        {
            **RATHER,
            "app/rpc.py": "import grpc\nchannel = grpc.insecure_channel('127.0.0.1:1')\n",
            "test_rpc.py": """
                import grpc, pytest
                from app.rpc import channel

                def test_rpc():
                    with pytest.raises(grpc.RpcError):
                        channel.unary_unary("/a/b")(b"", timeout=5)
                """,
        },
        key="channel made at import",
    ),
    Case(
        "pytest",
        {
            **RATHER,
            "app/logs.py": """
                import atexit, logging, logging.handlers, queue, tempfile, asyncio

                records = queue.Queue()
                target = logging.StreamHandler()
                listener = logging.handlers.QueueListener(records, target)
                listener.start()
                logging.getLogger("app").addHandler(logging.handlers.QueueHandler(records))
                """,
            "app/files.py": """
                import asyncio, atexit, tempfile
                folder = tempfile.TemporaryDirectory()
                atexit.register(print, "goodbye")
                asyncio.set_event_loop_policy(asyncio.DefaultEventLoopPolicy())
                """,
            "test_logs.py": """
                import asyncio, logging, os
                from app import files, logs

                def test_logs():
                    logging.getLogger("app").warning("heard")
                    logs.listener.stop()
                    assert logs.records.empty()

                def test_folder():
                    assert os.path.isdir(files.folder.name)

                def test_policy():
                    print(type(asyncio.get_event_loop_policy()).__name__)
                """,
        },
        commands=(("-rA",), ("-s",)),
        key="QueueListener, TemporaryDirectory, atexit at import",
    ),
)
