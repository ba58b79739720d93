"""The owner's socket."""

from __future__ import annotations

import json
import socket
import stat
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from storage import wire
from storage.errors import OwnerBusy, StorageError, StoreError
from storage.home import Home


class UnheardError(StorageError):
    """An error that only this test knows."""


class ForeignError(Exception):
    """An error outside the project's tree."""


def answer(verb: str, params: dict[str, Any], progress: Callable[[dict[str, Any]], None]) -> Any:
    match verb:
        case "echo":
            return params
        case "rows":
            return pa.table({"number": list(range(params["count"]))})
        case "both":
            return wire.Reply({"said": "both"}, pa.table({"a": ["ä"]}))
        case "steps":
            for step in range(3):
                progress({"done": step})
            return "done"
        case "busy":
            raise OwnerBusy("In use by process 42.", pid=42)
        case "unheard":
            raise UnheardError("Nobody ever heard of it.")
        case "foreign":
            raise ForeignError("from elsewhere")
        case "odd":
            return {"an": object()}
    raise StoreError(f"There is no verb {verb}.")


@pytest.fixture
def served(home: Home) -> Iterator[Home]:
    home.make()
    server = wire.serve(home, answer)
    yield home
    server.close()


def test_values_and_tables_come_back_as_they_were(served: Home) -> None:
    odd = {"name": "ünïcode \u2028 😀 \ud83d", "none": None}
    assert wire.ask(served, "echo", odd).value == odd
    assert wire.ask(served, "rows", {"count": 100_000}).table == pa.table({"number": list(range(100_000))})
    assert wire.ask(served, "rows", {"count": 0}).table == pa.table({"number": pa.nulls(0)})
    both = wire.ask(served, "both")
    assert both == wire.Reply({"said": "both"}, pa.table({"a": ["ä"]}))


def test_progress_arrives_before_the_result(served: Home) -> None:
    news: list[dict[str, Any]] = []
    assert wire.ask(served, "steps", {}, news.append).value == "done"
    assert news == [{"done": 0}, {"done": 1}, {"done": 2}]
    assert wire.ask(served, "steps").value == "done"


def test_errors_are_raised_again_by_their_class(served: Home) -> None:
    with pytest.raises(OwnerBusy, match=r"^In use by process 42\.$") as busy:
        wire.ask(served, "busy")
    assert busy.value.pid == 42
    with pytest.raises(UnheardError, match="Nobody ever heard of it"):
        wire.ask(served, "unheard")
    with pytest.raises(StoreError, match="There is no verb nonsense"):
        wire.ask(served, "nonsense")
    with pytest.raises(StoreError, match="ForeignError: from elsewhere"):
        wire.ask(served, "foreign")
    with pytest.raises(ForeignError, match="from elsewhere"):
        wire.ask(served, "foreign", errors={"ForeignError": ForeignError})
    with pytest.raises(StoreError, match="cannot be sent"):
        wire.ask(served, "odd")


def test_nobody_answers_where_there_is_no_owner(home: Home) -> None:
    with pytest.raises(wire.NoOwner, match="No process answers"):
        wire.ask(home, "echo")
    home.make()
    server = wire.serve(home, answer)
    server.close()
    server.close()
    assert not home.socket.exists()
    with pytest.raises(wire.NoOwner):
        wire.ask(home, "echo")


def test_a_socket_left_by_a_dead_owner_is_replaced_and_other_files_are_not(home: Home) -> None:
    home.make()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(home.socket))
    with pytest.raises(wire.NoOwner):
        wire.ask(home, "echo")
    server = wire.serve(home, answer)
    assert wire.ask(home, "echo", {"a": 1}).value == {"a": 1}
    server.close()
    home.socket.write_text("precious")
    with pytest.raises(StoreError, match="is no socket"):
        wire.serve(home, answer)
    assert home.socket.read_text() == "precious"


def test_a_home_with_a_very_long_path_is_served_too(tmp_path: Path) -> None:
    home = Home(tmp_path / ("long" * 40) / ("ä" * 40))
    home.make()
    server = wire.serve(home, answer)
    try:
        assert wire.ask(home, "echo", {"a": 1}).value == {"a": 1}
    finally:
        server.close()
    assert not home.socket.exists()


def test_the_socket_is_for_this_user_alone(served: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    assert stat.S_IMODE(served.socket.stat().st_mode) == 0o600
    monkeypatch.setattr("os.geteuid", lambda: 12345)  # as if another user's process had connected
    with pytest.raises(StoreError, match="another user"):
        wire.ask(served, "echo")


def _raw(home: Home, content: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(home.socket))
        connection.sendall(content)
        connection.shutdown(socket.SHUT_WR)
        try:
            return connection.recv(1000)
        except ConnectionResetError:  # closed with some of the rubbish unread
            return b""


def test_what_is_no_request_gets_no_answer_and_harms_nobody(served: Home) -> None:
    huge, a_list, no_text = struct.pack(">I", 2**31), struct.pack(">I", 2) + b"[]", struct.pack(">I", 4) + b"\xff" * 4
    for content in (b"", b"\0", b"GET / HTTP/1.1\r\n\r\n", huge, a_list, no_text):
        assert _raw(served, content) == b""
    no_params = json.dumps({"verb": "echo"}).encode()
    assert _raw(served, struct.pack(">I", len(no_params)) + no_params) == b""
    assert wire.ask(served, "echo", {"a": 1}).value == {"a": 1}


def test_a_request_beyond_the_limit_is_refused_before_it_is_sent(served: Home) -> None:
    with pytest.raises(StoreError, match="write the data to a file"):
        wire.ask(served, "echo", {"much": "x" * 2_000_000})


def test_many_ask_at_once(served: Home) -> None:
    found: list[int] = []

    def one(number: int) -> None:
        found.extend(wire.ask(served, "echo", {"n": number}).value["n"] for _ in range(10))

    askers = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert sorted(found) == sorted([*range(8)] * 10)


def test_the_threads_that_answer_keep_no_memory_of_it(home: Home) -> None:
    """Arrow's usual pool has a heap per thread and keeps what was freed, so that an owner would grow with the size of its answers."""
    home.make()
    rows = pa.table({"number": range(100_000)})
    server = wire.serve(home, lambda *_: rows)
    pool = pa.default_memory_pool()
    before = pool.total_bytes_allocated()
    for _ in range(5):
        assert wire.ask(home, "rows").table == rows
    server.close()
    assert pool.total_bytes_allocated() - before < rows.nbytes


def test_an_owner_that_closes_while_it_is_asked_is_reported_in_a_sentence(home: Home) -> None:
    home.make()
    asked = threading.Event()
    release = threading.Event()

    def slow(verb: str, params: dict[str, Any], progress: Callable[[dict[str, Any]], None]) -> str:
        asked.set()
        release.wait(10)
        return "late"

    server = wire.serve(home, slow)
    failures: list[BaseException] = []

    def one() -> None:
        try:
            wire.ask(home, "anything")
        except StorageError as error:
            failures.append(error)

    asker = threading.Thread(target=one)
    asker.start()
    assert asked.wait(10)
    server.close()
    asker.join(10)
    release.set()
    assert "before it answered" in str(failures[0])
