"""The owner's socket: others on this machine, of the same user, ask it to do what only the owner of the database can.

A message is its length (4 bytes, big-endian) and that many bytes of JSON. A request is `{"verb", "params"}`. The answers are
any number of `{"progress": …}`, then `{"result": …}` or `{"error": {"class", "text", …}}`; a result with `"table": n` is followed by n
bytes of Arrow IPC. One request per connection.
"""

from __future__ import annotations

__all__ = ["NoOwner", "Reply", "Server", "ask", "serve"]

import json
import logging
import os
import socket
import stat
import struct
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from storage.errors import StorageError, StoreError
from storage.home import Home

_log = logging.getLogger(__name__)

Progress = Callable[[dict[str, Any]], None]
Handler = Callable[[str, dict[str, Any], Progress], Any]

_LENGTH = struct.Struct(">I")
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid: unix(7), SO_PEERCRED
_LARGEST_REQUEST = 1 << 20  # bytes; a model of 2,000 features with long names has less
_LARGEST_MESSAGE = 64 << 20  # bytes of one JSON answer; rows come as Arrow
_LARGEST_TABLE = 4 << 30  # bytes of Arrow in one answer
_ASKERS = 32  # connections served at the same time
_PATIENCE = 10.0  # seconds in which a request must have come whole
_LONGEST_PATH = 100  # bytes; sun_path has 108 with its final zero: unix(7)


class NoOwner(StorageError):  # noqa: N818  it says what is the case, which is no fault
    """Nobody answers for this home."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a verb returned: `value` as JSON carries it, or an Arrow table, or both."""

    value: Any = None
    table: pa.Table | None = None


def ask(
    home: Home,
    verb: str,
    params: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    *,
    errors: Mapping[str, type[Exception]] | None = None,
) -> Reply:
    """Ask the owner of a home, and wait for its answer as long as that takes.

    Raises NoOwner where nobody answers; otherwise what the verb raised: an error of `errors`, or of this project's own tree as far
    as this process has it loaded, by its class name, else StoreError with the class and the sentence.
    """
    request = _encoded({"verb": verb, "params": dict(params or {})})
    if len(request) > _LARGEST_REQUEST:
        raise StoreError(f"The request has {len(request):,} bytes, more than {_LARGEST_REQUEST:,}: write the data to a file and name it.")
    with _connected(home) as connection:
        try:
            connection.sendall(_LENGTH.pack(len(request)) + request)
            while True:
                message = json.loads(_received(connection, _LARGEST_MESSAGE))
                if "progress" not in message:
                    break
                if progress is not None:
                    progress(message["progress"])
            if "error" in message:
                raise _error(message["error"], errors or {})
            size = message.get("table")
            return Reply(message.get("result"), None if size is None else _table(_exactly(connection, int(size))))
        except (ConnectionError, EOFError) as error:
            raise StoreError("The owner ended, or had too many askers, before it answered: ask again; what it saved is there.") from error


def serve(home: Home, handler: Handler) -> Server:
    """Answer on the home's socket until `Server.close`. Only the owner of the home – the holder of its lock – may call this.

    `handler(verb, params, progress)` runs in a thread per connection and returns a value that JSON can carry, an Arrow
    table or a `Reply`. What it raises goes to the asking side.
    """
    return Server(home, handler)


class Server:
    """A listening socket, readable by this user alone, with a thread per connection."""

    def __init__(self, home: Home, handler: Handler) -> None:
        self._handler = handler
        self._home = home
        self._free = threading.BoundedSemaphore(_ASKERS)
        self._stopping = threading.Event()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._open: set[socket.socket] = set()
        try:
            self._bind(home.socket)
            self._listener.listen(_ASKERS)
        except BaseException:
            self._listener.close()
            raise
        self._thread = threading.Thread(target=self._accept, name="driftboard-socket", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop answering and remove the socket; connections that wait for an answer are cut. A second call does nothing."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self._listener.close()
        self._thread.join()
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._home.socket.unlink(missing_ok=True)

    def _bind(self, path: Path) -> None:
        with suppress(FileNotFoundError):
            if not stat.S_ISSOCK(path.lstat().st_mode):
                raise StoreError(f"{path} is no socket: move it away, the owner needs that name.")
            path.unlink()  # the lock is ours, so whoever made it is gone
        with _short(path) as name:
            mask = os.umask(0o177)  # the socket is 0600 from its first moment
            try:
                self._listener.bind(name)
            finally:
                os.umask(mask)

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                if self._stopping.is_set():
                    return
                _log.exception("The socket refused a connection.")
                continue
            if not _is_this_user(connection) or not self._free.acquire(blocking=False):
                connection.close()
                continue
            self._open.add(connection)
            threading.Thread(target=self._serve_one, args=(connection,), name="driftboard-answer", daemon=True).start()

    def _serve_one(self, connection: socket.socket) -> None:
        try:
            with connection:
                self._answer(connection)
        except (OSError, EOFError, ValueError):
            _log.debug("An asker went away, or sent what is no request.", exc_info=True)
        finally:
            self._open.discard(connection)
            self._free.release()

    def _answer(self, connection: socket.socket) -> None:
        connection.settimeout(_PATIENCE)
        request = json.loads(_received(connection, _LARGEST_REQUEST))
        connection.settimeout(None)
        if not isinstance(request, dict) or not isinstance(request.get("verb"), str) or not isinstance(request.get("params"), dict):
            raise ValueError("not a request")

        def tell(news: dict[str, Any]) -> None:
            with suppress(OSError):  # nobody listens any more; the work goes on
                _send(connection, {"progress": news})

        try:
            found = self._handler(request["verb"], request["params"], tell)
            reply = found if isinstance(found, Reply) else Reply(table=found) if isinstance(found, pa.Table) else Reply(found)
            message, body = {"result": reply.value}, b"" if reply.table is None else _ipc(reply.table)
            if reply.table is not None:
                message["table"] = len(body)
            _encoded(message)
        except Exception as error:
            if not isinstance(error, StorageError):
                _log.exception("The verb %r failed.", request["verb"])
            message, body = {"error": _told(error)}, b""
        _send(connection, message)
        connection.sendall(body)


def _told(error: Exception) -> dict[str, Any]:
    facts = {key: value for key, value in vars(error).items() if isinstance(value, (str, int, float, bool, type(None)))}
    return {"class": type(error).__name__, "text": str(error), "facts": facts}


def _error(told: Mapping[str, Any], errors: Mapping[str, type[Exception]]) -> Exception:
    known = {kind.__name__: kind for kind in _kinds(StorageError)} | dict(errors)
    kind = known.get(str(told.get("class")))
    if kind is None:
        return StoreError(f"The owner failed: {told.get('class')}: {told.get('text')}")
    error = kind.__new__(kind)  # its own signature may want more than the sentence
    error.args = (str(told.get("text")),)
    with suppress(AttributeError):
        vars(error).update(told.get("facts") or {})
    return error


def _kinds(kind: type[Exception]) -> Iterator[type[Exception]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _kinds(child)


@contextmanager
def _connected(home: Home) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            with _short(home.socket) as name:
                connection.connect(name)
            if not _is_this_user(connection):
                raise StoreError(f"The socket of {home.path} belongs to another user: use a home of your own.")
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError) as error:
            raise NoOwner(f"No process answers for the home {home.path}.") from error
        except PermissionError as error:
            raise StoreError(f"The home {home.path} belongs to another user: use a home of your own.") from error
        yield connection


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """A name for a socket's path that fits the kernel's limit: where it is too long, by way of its folder's descriptor."""
    if len(os.fsencode(path)) <= _LONGEST_PATH:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if Path("/proc/self/fd").is_dir():
            yield f"/proc/self/fd/{folder}/{path.name}"
        else:
            with tempfile.TemporaryDirectory(prefix="driftboard-") as short:  # 0700
                link = Path(short) / "home"
                link.symlink_to(path.parent.absolute(), target_is_directory=True)
                yield str(link / path.name)
    finally:
        os.close(folder)


def _is_this_user(connection: socket.socket) -> bool:
    """Whether the other side runs under this process's user, as the kernel says."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True  # elsewhere than on Linux the file's mode 0600 says it
    _, uid, _ = _CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return bool(uid == os.geteuid())


def _encoded(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message, default=_plain, ensure_ascii=True).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be sent")


def _send(connection: socket.socket, message: Mapping[str, Any]) -> None:
    content = _encoded(message)
    connection.sendall(_LENGTH.pack(len(content)) + content)


def _received(connection: socket.socket, largest: int) -> bytes:
    (size,) = _LENGTH.unpack(_exactly(connection, _LENGTH.size))
    if size > largest:
        raise ValueError(f"a message of {size} bytes is more than {largest}")
    return _exactly(connection, size)


def _exactly(connection: socket.socket, size: int) -> bytes:
    if size > _LARGEST_TABLE:
        raise ValueError(f"an answer of {size} bytes is more than {_LARGEST_TABLE}")
    content = bytearray(size)
    view, done = memoryview(content), 0
    while done < size:
        count = connection.recv_into(view[done:], min(size - done, 1 << 20))
        if not count:
            raise EOFError("the other side closed the connection")
        done += count
    return bytes(content)


def _ipc(rows: pa.Table) -> memoryview:
    """The rows as an IPC stream, in memory that goes back to the system with the answer.

    Arrow's usual pool keeps a heap per thread, and there is a thread per answer: what it kept grew with the size of the answers.
    """
    sink = pa.BufferOutputStream(pa.system_memory_pool())
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return memoryview(sink.getvalue())


def _table(content: bytes) -> pa.Table:
    with pa.ipc.open_stream(content) as reader:
        found: pa.Table = reader.read_all()
    return found
