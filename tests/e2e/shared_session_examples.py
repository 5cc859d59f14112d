"""The examples that pytest-shared-session-scope 0.5.2 documents, with the name of the package here."""

PACKAGE = "pytest_shared_session_scope"

EXAMPLES = {
    "main": """
        from pytest_shared_session_scope import shared_session_scope_json, CleanupToken, SetupToken

        def expensive_calculation():
          return 123

        def clean_up(data):
          print(f"Cleaning up {data}")

        @shared_session_scope_json()
        def my_fixture_return():
            return expensive_calculation()

        @shared_session_scope_json()
        def my_fixture():
            data = yield
            if data is SetupToken.FIRST:
                data = expensive_calculation()
            token: CleanupToken = yield data
            if token is CleanupToken.LAST:
              clean_up(data)

        def test_return(my_fixture_return):
            assert my_fixture_return == 123

        def test(my_fixture):
            assert my_fixture == 123
        """,
    "pickle": """
        from pytest_shared_session_scope import shared_session_scope_pickle, SetupToken

        class CustomObject:
            def __init__(self, value):
                self.value = value

        @shared_session_scope_pickle()
        def my_fixture():
            object_instance = yield
            if object_instance is SetupToken.FIRST:
                object_instance = CustomObject(42)
            yield object_instance

        def test_custom_object(my_fixture):
            assert isinstance(my_fixture, CustomObject)
            assert my_fixture.value == 42
        """,
    "non_serializable": """
        from pytest_shared_session_scope import shared_session_scope_json
        from datetime import datetime

        def serialize(value: datetime) -> str:
            return value.isoformat()

        def deserialize(value: str) -> datetime:
            return datetime.fromisoformat(value)

        @shared_session_scope_json(serialize=serialize, deserialize=deserialize)
        def my_fixture_return():
            return datetime.now()

        def test_datetime(my_fixture_return):
            assert isinstance(my_fixture_return, datetime)
        """,
    "non_serializable_parse": """
        from pytest_shared_session_scope import shared_session_scope_fixture, SetupToken
        from pytest_shared_session_scope.store import FileStore

        import json

        def deserialize(value: str) -> dict:
            return json.loads(value)

        def serialize(value: dict) -> str:
            return json.dumps(value)

        class Connection:
            def __init__(self, port: int):
                self.port = port

            @classmethod
            def from_dict(cls, data: dict):
                return cls(**data)

        @shared_session_scope_fixture(
            store=FileStore(),
            parse=Connection.from_dict,
            serialize=serialize,
            deserialize=deserialize,
        )
        def connection():
            data = yield
            if data is SetupToken.FIRST:
                data = {"port": 123}
            yield data

        def test_connection(connection):
            assert connection.port is 123
            assert isinstance(connection, Connection)
        """,
    "custom_store": """
        from typing import Any
        from pytest_shared_session_scope import shared_session_scope_fixture, SetupToken
        import polars as pl

        from pytest_shared_session_scope.store import LocalFileStoreMixin
        from pytest_shared_session_scope.types import StoreValueNotExists


        class PolarsStore(LocalFileStoreMixin):
            def read(self, identifier: str, fixture_values: dict[str, Any]) -> pl.DataFrame:
                path = self._get_path(identifier, fixture_values["tmp_path_factory"])
                try:
                    return pl.read_parquet(path)
                except FileNotFoundError:
                    raise StoreValueNotExists()

            def write(self, identifier: str, data: pl.DataFrame, fixture_values: dict[str, Any]):
                path = self._get_path(identifier, fixture_values["tmp_path_factory"])
                data.write_parquet(path)


        @shared_session_scope_fixture(PolarsStore())
        def my_fixture():
            data = yield
            if data is SetupToken.FIRST:
                data = pl.DataFrame({"a": [1, 2, 3]})
            yield data

        def test_polars(my_fixture):
          assert isinstance(my_fixture, pl.DataFrame)
        """,
    "returning_functions": """
        import pytest
        from pytest_shared_session_scope import shared_session_scope_json

        @shared_session_scope_json()
        def important_ids():
            return [1,2,3]

        @pytest.fixture
        def cleanup_important_ids(important_ids):
            ids_to_cleanup = []
            def use_id(id_):
              if id_ not in important_ids:
                raise ValueError(f"{id_} not in important_ids!")
              ids_to_cleanup.append(id_)
            yield use_id
            for id in ids_to_cleanup:
              print(f"Cleaning up {id}")

        def test_thing_with_ids(important_ids, cleanup_important_ids):
            for id in important_ids:
              # assert thing
              cleanup_important_ids(id)
        """,
    "cache": """
        from pytest_shared_session_scope import shared_session_scope_json, SetupToken

        @shared_session_scope_json()
        def my_fixture(pytestconfig):
            data = yield
            if data is SetupToken.FIRST:
                data = pytestconfig.cache.get("example/value", None)
                if data is None:
                    data = {"hey": "data"}
                    pytestconfig.cache.set("example/value", data)
            yield data


        def test(my_fixture):
            assert my_fixture == {"hey": "data"}
        """,
}
