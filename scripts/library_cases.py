"""The libraries that `scripts.libraries` tries: a module that imports each as people do, and a small use of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LibraryCase:
    """A library and a project that uses it.

    Attributes:
        name: the distribution; its version is shown.
        app: the text of the project's module `app`, which imports the library.
        use: the statements of the one test, which finds that module as `app`.
        requirements: what is installed besides.
    """

    name: str
    app: str
    use: str
    requirements: tuple[str, ...] = ()


DJANGO_SETTINGS = """
SECRET_KEY = "x"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "rest_framework"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
USE_TZ = True
"""
"""Lies beside each `app`, as `settings`."""

LEARNING = (
    LibraryCase(
        "torch",
        "import torch, transformers\nW = torch.randn(4)",
        "import torch\n"
        "from torch.utils.data import DataLoader, TensorDataset\n"
        "net = torch.nn.Linear(64, 8)\n"
        "net(torch.randn(512, 64)).sum().backward()\n"
        "assert net.weight.grad is not None\n"
        "batches = DataLoader(TensorDataset(torch.arange(100.0)), batch_size=10, num_workers=2)\n"
        "assert sum(batch[0].sum().item() for batch in batches) == 4950.0",
        ("transformers",),
    ),
    LibraryCase("lightning", "import lightning\nM = lightning.LightningModule()", "assert app.M.current_epoch == 0"),
    LibraryCase(
        "datasets", "import datasets", "assert len(app.datasets.Dataset.from_dict({'a': [1, 2]})) == 2", ("torch",)
    ),
    LibraryCase(
        "sentence-transformers",
        "import sentence_transformers",
        "assert app.sentence_transformers.util.cos_sim([[1.0, 0.0]], [[1.0, 0.0]]).item() == 1.0",
    ),
    LibraryCase(
        "shap",
        "import shap",
        "import numpy\nassert app.shap.Explanation(numpy.ones((2, 2))).shape == (2, 2)",
    ),
    LibraryCase(
        "tensorflow-cpu", "import tensorflow as tf", "assert float(app.tf.reduce_sum(app.tf.ones((3, 3)))) == 9.0"
    ),
    LibraryCase(
        "jax",
        "import jax, jax.numpy as jnp",
        "assert float(app.jax.jit(lambda x: (x * 2).sum())(app.jnp.ones(4))) == 8.0",
    ),
    LibraryCase(
        "keras",
        "import os\nos.environ['KERAS_BACKEND'] = 'jax'\nimport keras",
        "assert app.keras.layers.Dense(3).units == 3",
        ("jax",),
    ),
    LibraryCase(
        "xgboost",
        "import xgboost",
        "import numpy as np\n"
        "model = app.xgboost.XGBRegressor(n_estimators=2).fit(np.random.rand(20, 3), np.random.rand(20))\n"
        "assert model.predict(np.zeros((1, 3))).shape == (1,)",
        ("scikit-learn",),
    ),
    LibraryCase(
        "lightgbm",
        "import lightgbm",
        "import numpy as np\n"
        "model = app.lightgbm.LGBMRegressor(n_estimators=2, min_child_samples=1)\n"
        "assert model.fit(np.random.rand(20, 3), np.random.rand(20)).n_features_ == 3",
        ("scikit-learn",),
    ),
    LibraryCase("spacy", "import spacy", "assert len(app.spacy.blank('en')('a b c')) == 3"),
    LibraryCase("nltk", "import nltk, gensim", "assert app.nltk.edit_distance('ab', 'ac') == 1", ("gensim",)),
    LibraryCase(
        "onnxruntime",
        "import onnx, onnx.helper, onnxruntime",
        "assert 'CPUExecutionProvider' in app.onnxruntime.get_available_providers()",
        ("onnx",),
    ),
    LibraryCase(
        "faiss-cpu",
        "import faiss",
        "import numpy as np\nindex = app.faiss.IndexFlatL2(4)\n"
        "index.add(np.ones((2, 4), 'float32'))\nassert index.ntotal == 2",
    ),
    LibraryCase("pymc", "import pymc", "assert app.pymc.Normal.dist(0, 1) is not None"),
    LibraryCase("mlflow", "import mlflow", "assert app.mlflow.entities.Metric('a', 1.0, 0, 0).key == 'a'"),
    LibraryCase("gradio", "import gradio", "assert app.gradio.Textbox(label='a').label == 'a'"),
    LibraryCase("litellm", "import litellm", "assert app.litellm.token_counter(model='x', text='a b') > 0"),
    LibraryCase("openai", "import openai\nclient = openai.OpenAI(api_key='x')", "assert app.client.api_key == 'x'"),
    LibraryCase(
        "langchain",
        "import langchain_core.prompts, langchain",
        "assert app.langchain_core.prompts.PromptTemplate.from_template('{a}').format(a='b') == 'b'",
    ),
    LibraryCase("ray", "import ray", "assert app.ray.__version__"),
    LibraryCase("qiskit", "import qiskit", "assert app.qiskit.QuantumCircuit(2).num_qubits == 2"),
)

NUMBERS = (
    LibraryCase("numpy", "import numpy as np\nA = np.arange(4)", "assert app.A.sum() == 6"),
    LibraryCase(
        "pandas", "import pandas as pd\nF = pd.DataFrame({'a': [1, 2]})", "assert app.F.groupby('a').size().sum() == 2"
    ),
    LibraryCase("scipy", "import scipy.stats, scipy.optimize", "assert app.scipy.stats.norm.cdf(0) == 0.5"),
    LibraryCase(
        "scikit-learn",
        "import sklearn.linear_model, sklearn.pipeline, sklearn.ensemble",
        "assert app.sklearn.linear_model.LinearRegression().fit([[0], [1]], [0, 1]).coef_[0] > 0.9",
    ),
    LibraryCase(
        "matplotlib",
        "import matplotlib.pyplot as plt",
        "figure, axes = app.plt.subplots()\naxes.plot([1, 2])\nfigure.canvas.draw()\napp.plt.close(figure)",
    ),
    LibraryCase("seaborn", "import seaborn", "assert len(app.seaborn.color_palette('deep')) == 10"),
    LibraryCase(
        "statsmodels",
        "import statsmodels.api as sm",
        "assert app.sm.OLS([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]).fit().rsquared > 0.9",
    ),
    LibraryCase(
        "pyarrow",
        "import pyarrow as pa, pyarrow.compute as pc, pyarrow.parquet",
        "assert app.pc.sum(app.pa.array([1, 2])).as_py() == 3",
    ),
    LibraryCase(
        "polars",
        "import polars as pl",
        "assert app.pl.DataFrame({'a': [1, 2]}).lazy().select(app.pl.col('a').sum()).collect().item() == 3",
    ),
    LibraryCase("duckdb", "import duckdb", "assert app.duckdb.sql('select 1 + 1').fetchall() == [(2,)]"),
    LibraryCase("pyspark", "import pyspark, pyspark.sql.functions", "assert app.pyspark.__version__"),
    LibraryCase(
        "dask",
        "import dask.dataframe, dask.array, distributed",
        "assert int(app.dask.array.ones((10,), chunks=5).sum().compute()) == 10",
        ("dask[complete]",),
    ),
    LibraryCase(
        "xarray",
        "import xarray, netCDF4, zarr",
        "assert float(app.xarray.DataArray([1.0, 2.0]).sum()) == 3.0",
        ("netcdf4", "zarr"),
    ),
    LibraryCase(
        "astropy",
        "import astropy.units as u, astropy.coordinates, astropy.io.fits",
        "assert (1 * app.u.km).to_value('m') == 1000",
    ),
    LibraryCase("numba", "import numba\n@numba.njit\ndef f(x):\n    return x + 1", "assert app.f(1) == 2"),
    LibraryCase("sympy", "import sympy", "x = app.sympy.Symbol('x')\nassert app.sympy.integrate(x, x) == x**2 / 2"),
    LibraryCase("networkx", "import networkx", "assert app.networkx.path_graph(3).number_of_edges() == 2"),
    LibraryCase(
        "h5py",
        "import h5py, tables",
        "import os, tempfile\n"
        "path = os.path.join(tempfile.mkdtemp(), 'x')\n"
        "with app.h5py.File(path, 'w') as file:\n    file['x'] = [1]",
        ("tables",),
    ),
    LibraryCase(
        "plotly", "import plotly.express, plotly.graph_objects", "assert app.plotly.graph_objects.Figure()", ("pandas",)
    ),
    LibraryCase("bokeh", "import bokeh.plotting", "assert app.bokeh.plotting.figure().line([1], [1])"),
    LibraryCase("dash", "import dash\napp = dash.Dash('x')", "assert app.app.title == 'Dash'"),
    LibraryCase("streamlit", "import streamlit", "assert app.streamlit.__version__"),
    LibraryCase(
        "geopandas",
        "import geopandas, shapely",
        "assert app.shapely.Point(0, 0).distance(app.shapely.Point(0, 1)) == 1",
    ),
    LibraryCase(
        "scikit-image",
        "import skimage.filters, skimage.io",
        "import numpy\nassert app.skimage.filters.gaussian(numpy.ones((4, 4))).shape == (4, 4)",
    ),
    LibraryCase("pillow", "import PIL.Image, PIL.ImageDraw", "assert app.PIL.Image.new('L', (2, 2)).size == (2, 2)"),
    LibraryCase(
        "opencv-python-headless",
        "import cv2",
        "import numpy\nassert app.cv2.blur(numpy.ones((4, 4)), (2, 2)).shape == (4, 4)",
    ),
)

WEB = (
    LibraryCase(
        "fastapi",
        "import fastapi, sqlmodel, uvicorn\napp = fastapi.FastAPI()\n@app.get('/')\ndef r():\n    return {'a': 1}",
        "from fastapi.testclient import TestClient\nassert TestClient(app.app).get('/').json() == {'a': 1}",
        ("httpx", "sqlmodel", "uvicorn[standard]"),
    ),
    LibraryCase(
        "django",
        "import os\nos.environ['DJANGO_SETTINGS_MODULE'] = 'settings'\n"
        "import django\ndjango.setup()\nimport rest_framework.serializers",
        "assert app.rest_framework.serializers.CharField() is not None",
        ("djangorestframework", "pytest-django"),
    ),
    LibraryCase(
        "flask",
        "import flask, flask_sqlalchemy\napp = flask.Flask('x')\n"
        "app.config['SQLALCHEMY_DATABASE_URI'] = 'sqlite://'\ndb = flask_sqlalchemy.SQLAlchemy(app)",
        "assert app.app.test_client().get('/').status_code == 404",
        ("flask-sqlalchemy",),
    ),
    LibraryCase(
        "aiohttp", "import aiohttp.web", "assert app.aiohttp.web.Application() is not None", ("pytest-aiohttp",)
    ),
    LibraryCase(
        "scrapy",
        "import twisted.internet.defer, scrapy",
        "from twisted.internet import reactor\nassert reactor is not None",
        ("twisted",),
    ),
    LibraryCase("requests", "import requests\nS = requests.Session()", "assert app.S.headers['Accept'] == '*/*'"),
    LibraryCase("httpx", "import httpx", "assert app.httpx.URL('http://a/b').path == '/b'"),
    LibraryCase("websockets", "import websockets, websockets.asyncio.server", "assert app.websockets.__version__"),
    LibraryCase("grpcio", "import grpc", "assert app.grpc.StatusCode.OK.value[0] == 0", ("protobuf",)),
    LibraryCase(
        "boto3",
        "import boto3, moto\ns3 = boto3.client('s3', region_name='us-east-1', aws_access_key_id='a',"
        " aws_secret_access_key='b')",
        "with app.moto.mock_aws():\n"
        "    client = app.boto3.client('s3', region_name='us-east-1')\n"
        "    client.create_bucket(Bucket='bucket')\n"
        "    assert client.list_buckets()['Buckets']",
        ("moto[s3]", "pyyaml"),
    ),
    LibraryCase(
        "azure-storage-blob",
        "import azure.storage.blob, azure.identity",
        "assert app.azure.storage.blob.BlobServiceClient is not None",
        ("azure-identity",),
    ),
    LibraryCase(
        "google-cloud-storage",
        "from google.cloud import storage",
        "assert app.storage.Blob('a', None).name == 'a'",
    ),
    LibraryCase(
        "kubernetes",
        "import kubernetes.client, docker",
        "assert app.kubernetes.client.V1Pod() is not None",
        ("docker",),
    ),
    LibraryCase(
        "playwright", "import playwright.sync_api, selenium.webdriver", "assert app.selenium.__version__", ("selenium",)
    ),
    LibraryCase(
        "sentry-sdk",
        "import sentry_sdk\nsentry_sdk.init('http://a@127.0.0.1:9/1')",
        "assert app.sentry_sdk.capture_message('x') is not None",
    ),
    LibraryCase("ddtrace", "import ddtrace", "assert app.ddtrace.__version__"),
    LibraryCase(
        "opentelemetry-sdk",
        "import opentelemetry.trace\nfrom opentelemetry.sdk.trace import TracerProvider\nP = TracerProvider()",
        "with app.P.get_tracer('x').start_as_current_span('a') as span:\n    assert span.name == 'a'",
    ),
    LibraryCase(
        "prometheus-client",
        "import prometheus_client\nC = prometheus_client.Counter('c', 'd')",
        "app.C.inc()\nassert app.C._value.get() == 1",
    ),
    LibraryCase(
        "beautifulsoup4",
        "import bs4, lxml.html",
        "assert app.bs4.BeautifulSoup('<a>b</a>', 'lxml').a.text == 'b'",
        ("lxml",),
    ),
    LibraryCase("jinja2", "import jinja2\nT = jinja2.Template('{{ a }}')", "assert app.T.render(a=1) == '1'"),
)

DATA = (
    LibraryCase(
        "sqlalchemy",
        "import sqlalchemy as sa, alembic, psycopg, asyncpg\n"
        "e = sa.create_engine('sqlite://')\nwith e.connect() as c:\n    c.execute(sa.text('select 1'))",
        "with app.e.connect() as c:\n    assert c.execute(app.sa.text('select 2')).scalar() == 2",
        ("alembic", "psycopg[binary]", "asyncpg"),
    ),
    LibraryCase(
        "pymongo",
        "import pymongo\nc = pymongo.MongoClient('127.0.0.1', 9, connect=False)",
        "assert app.c.codec_options",
    ),
    LibraryCase(
        "elasticsearch", "import elasticsearch\ne = elasticsearch.Elasticsearch('http://127.0.0.1:9')", "assert app.e"
    ),
    LibraryCase("redis", "import redis, redis.asyncio\nR = redis.Redis()", "assert app.R.connection_pool is not None"),
    LibraryCase(
        "pymysql", "import pymysql, peewee", "assert app.pymysql.converters.escape_string('a') == 'a'", ("peewee",)
    ),
    LibraryCase(
        "pydantic",
        "import pydantic, pydantic_settings\nclass M(pydantic.BaseModel):\n    a: int",
        "assert app.M(a='1').a == 1",
        ("pydantic[email]", "pydantic-settings"),
    ),
    LibraryCase(
        "marshmallow",
        "import marshmallow\nclass S(marshmallow.Schema):\n    a = marshmallow.fields.Int()",
        "assert app.S().load({'a': '1'}) == {'a': 1}",
    ),
    LibraryCase("attrs", "import attrs\n@attrs.define\nclass A:\n    a: int", "assert app.A(1) == app.A(1)"),
    LibraryCase("jsonschema", "import jsonschema", "app.jsonschema.validate(1, {'type': 'integer'})"),
    LibraryCase("pyyaml", "import yaml", "assert app.yaml.safe_load('a: 1') == {'a': 1}"),
    LibraryCase("s3fs", "import fsspec, s3fs", "assert app.fsspec.filesystem('memory').ls('/') == []"),
    LibraryCase(
        "hypothesis", "from hypothesis import given, strategies as st", "app.given(app.st.integers())(lambda n: None)()"
    ),
)

TOOLS = (
    LibraryCase(
        "celery",
        "import celery\napp = celery.Celery('x', broker='memory://')\n@app.task\ndef t():\n    return 1",
        "assert app.t.apply().get() == 1",
        ("redis",),
    ),
    LibraryCase(
        "apache-airflow",
        "import airflow\nfrom airflow.sdk import DAG\nD = DAG('d', schedule=None)",
        "assert app.D.dag_id == 'd'",
    ),
    LibraryCase("prefect", "import prefect\n@prefect.task\ndef t():\n    return 1", "assert app.t.fn() == 1"),
    LibraryCase(
        "gevent",
        "from gevent import monkey\nmonkey.patch_all()\nimport requests, gevent",
        "assert app.gevent.spawn(lambda: 3).get() == 3",
        ("requests",),
    ),
    LibraryCase(
        "uvloop",
        "import asyncio, uvloop\nasync def f():\n    return 3",
        "assert app.uvloop.run(app.f()) == 3",
    ),
    LibraryCase("trio", "import trio\nasync def f():\n    return 3", "assert app.trio.run(app.f) == 3"),
    LibraryCase("pyzmq", "import zmq\nC = zmq.Context", "assert app.zmq.zmq_version()"),
    LibraryCase(
        "six",
        "import six.moves, six.moves.urllib.parse, lazy_loader, apipkg, wrapt, future",
        "assert app.six.moves.range(2)",
        ("lazy_loader", "apipkg", "wrapt", "future"),
    ),
    LibraryCase(
        "black",
        "import black, mypy.api",
        "assert app.black.format_str('x  = 1', mode=app.black.Mode()) == 'x = 1\\n'",
        ("mypy",),
    ),
    LibraryCase(
        "beartype",
        "from beartype.claw import beartype_this_package\nimport beartype\n"
        "@beartype.beartype\ndef f(x: int) -> int:\n    return x",
        "assert app.f(1) == 1",
        ("typeguard",),
    ),
    LibraryCase(
        "typer",
        "import typer\napp = typer.Typer()\n@app.command()\ndef f():\n    pass",
        "from typer.testing import CliRunner\nassert CliRunner().invoke(app.app).exit_code == 0",
        ("click", "rich"),
    ),
    LibraryCase("rich", "import rich.console, rich.table", "assert app.rich.console.Console(width=80).width == 80"),
    LibraryCase("textual", "import textual.app, textual.widgets", "assert app.textual.widgets.Label('a') is not None"),
    LibraryCase("tqdm", "import tqdm", "assert list(app.tqdm.tqdm([1], disable=True)) == [1]"),
    LibraryCase(
        "freezegun",
        "import datetime, freezegun\nNOW = datetime.datetime.now",
        "with app.freezegun.freeze_time('2020-01-01'):\n    assert app.datetime.datetime.now().year == 2020",
        ("time-machine",),
    ),
    LibraryCase(
        "pendulum", "import pendulum, arrow", "assert app.pendulum.datetime(2020, 1, 1).year == 2020", ("arrow",)
    ),
    LibraryCase(
        "structlog",
        "import structlog, loguru\nL = structlog.get_logger()",
        "app.L.info('a')\napp.loguru.logger.info('b')",
        ("loguru",),
    ),
    LibraryCase(
        "cryptography",
        "from cryptography.fernet import Fernet\nK = Fernet(Fernet.generate_key())",
        "assert app.K.decrypt(app.K.encrypt(b'a')) == b'a'",
    ),
    LibraryCase("paramiko", "import paramiko", "assert app.paramiko.SSHClient() is not None"),
    LibraryCase("gitpython", "import git", "assert app.git.Repo is not None"),
    LibraryCase("sphinx", "import sphinx.application", "assert app.sphinx.__version__"),
    LibraryCase("ipython", "import IPython", "assert app.IPython.__version__"),
)

CASES = (*LEARNING, *NUMBERS, *WEB, *DATA, *TOOLS)
