"""Unix sockets that carry messages and descriptors.

Only the C module behind ``socket`` is imported: ``socket`` builds enums at import (6 ms), and a
client needs neither them nor name resolution.
"""

from __future__ import annotations

import os
import sys

from pytest_zygote.adapters.interpreter.private.light import accept, socket
from pytest_zygote.core.protocol.client_messages import TO_CLIENT
from pytest_zygote.core.protocol.framing import FrameReader, pack
from pytest_zygote.core.record import Generic, Record, TypeVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_zygote.core.protocol.client_messages import FromClient, ToClient
    from pytest_zygote.core.protocol.framing import Route

Received_co = TypeVar("Received_co", bound=Record, covariant=True)
Sent_contra = TypeVar("Sent_contra", bound=Record, contravariant=True)

CHUNK = 256 * 1024
MAX_DESCRIPTORS = 253
"""How many the kernel lets one message carry: SCM_MAX_FD of unix(7)."""
_DESCRIPTOR_SIZE = 4  # sizeof(int), which SCM_RIGHTS carries


class Channel(Generic[Received_co, Sent_contra]):
    """One end of a connection between two processes of ours: what it receives, and what it may send.

    Blocking for sends: a peer that does not read is given `send_timeout_s`, then the
    connection counts as gone. Non-blocking for receives: `receive` is called when a
    selector says that there is something.

    With a `send_timeout_s` of 0 it never waits: what the peer has no room for yet is kept until `flush`.
    """

    def __init__(self, raw: socket.socket, route: Route[Received_co], *, send_timeout_s: float | None = None) -> None:
        """Take over a connected socket, from which the messages of this route are received."""
        self._raw = raw
        self._raw.settimeout(send_timeout_s)
        self._never_waits = send_timeout_s == 0
        self._unsent: list[tuple[memoryview, list[int]]] = []
        self._reader = FrameReader(route)
        self.descriptors: list[int] = []

    def fileno(self) -> int:
        """Return the descriptor, for selectors; -1 once closed."""
        return self._raw.fileno()

    def send(self, message: Sent_contra, descriptors: Sequence[int] = ()) -> None:
        """Send a message, with descriptors beside its first byte.

        Raises:
            OSError: the peer is gone or does not read.
        """
        data = memoryview(pack(message))
        if self._never_waits:
            self._unsent.append((data, [os.dup(descriptor) for descriptor in descriptors]))
            self.flush()
            return
        if descriptors:
            data = data[self._send_some(data, descriptors) :]
        if data:  # sending nothing would still fail on a peer that has read all, and answered
            self._raw.sendall(data)

    def _send_some(self, data: memoryview, descriptors: Sequence[int]) -> int:
        packed = b"".join(fd.to_bytes(_DESCRIPTOR_SIZE, sys.byteorder) for fd in descriptors)
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, packed)] if descriptors else []
        return self._raw.sendmsg([data], rights)

    def flush(self) -> bool:
        """Send what is unsent, as far as the peer has room for it; return whether that was all.

        Raises:
            OSError: the peer is gone.
        """
        while self._unsent:
            data, descriptors = self._unsent[0]
            try:
                sent = self._send_some(data, descriptors)
            except BlockingIOError:
                return False
            for descriptor in descriptors:
                os.close(descriptor)
            self._unsent[0] = data[sent:], []
            if sent == len(data):
                del self._unsent[0]
        return True

    def receive(self) -> list[Received_co] | None:
        """Return the messages that are complete, or None when the peer has closed.

        Descriptors that came are appended to `descriptors`; they belong to the caller.

        Raises:
            RemoteProtocolError: the peer sent what is no frame, or a message that does not belong here.
        """
        space = socket.CMSG_SPACE(MAX_DESCRIPTORS * _DESCRIPTOR_SIZE)
        try:
            data, ancillary, _, _ = self._raw.recvmsg(CHUNK, space, _CLOSE_ON_EXEC)
        except BlockingIOError:  # of one that never waits
            return []
        except ConnectionError:
            return None
        for level, kind, packed in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                self._adopt(packed)
        return self._reader.receive(data) if data else None

    def _adopt(self, packed: bytes) -> None:
        whole = len(packed) - len(packed) % _DESCRIPTOR_SIZE
        for at in range(0, whole, _DESCRIPTOR_SIZE):
            descriptor = int.from_bytes(packed[at : at + _DESCRIPTOR_SIZE], sys.byteorder)
            os.set_inheritable(descriptor, False)  # noqa: FBT003 - the standard library's signature
            self.descriptors.append(descriptor)

    def is_readable(self) -> bool:
        """Return whether `receive` would return at once."""
        return is_readable(self._raw.fileno())

    def adopt_descriptors(self, count: int | None = None) -> list[int]:
        """Return the descriptors of the next message, or all that came so far, and forget them.

        Those of messages that came together lie in one row; the receiver knows how many are of each.
        """
        adopted = self.descriptors[:count]
        del self.descriptors[:count]
        return adopted

    def peer_user(self) -> int:
        """Return the user id of the process at the other end."""
        return peer_user(self._raw)

    def peer_pid(self) -> int:
        """Return the process at the other end; 0 if it is in a pid namespace that cannot be seen from here."""
        return int.from_bytes(_credentials(self._raw)[:4], sys.byteorder)

    def stopped_peer(self) -> int:
        """Return the process at the other end if it is stopped (Ctrl-Z) and cannot answer; 0 if it is not."""
        pid = self.peer_pid()
        from pytest_zygote.adapters.system import procfs

        return pid if procfs.is_stopped(pid) else 0

    def close(self) -> None:
        """Close the connection and the descriptors that nobody took."""
        unsent = [descriptor for _, descriptors in self._unsent for descriptor in descriptors]
        self._unsent.clear()
        for descriptor in (*self.adopt_descriptors(), *unsent):
            os.close(descriptor)
        self._raw.close()


def is_readable(descriptor: int, timeout_s: float | None = 0) -> bool:
    """Return whether a descriptor can be read, or is at its end, within this time, if it has a limit.

    By poll: select refuses numbers from 1024 on, which a process may well have.
    """
    import select

    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(None if timeout_s is None else timeout_s * 1000))


_CLOSE_ON_EXEC = getattr(socket, "MSG_CMSG_CLOEXEC", 0)


def connect(path: str, route: Route[Received_co]) -> Channel[Received_co, Sent_contra] | None:
    """Connect to a socket, and receive the messages of this route; None if nobody listens there.

    Raises:
        OSError: another user listens there, we may not connect, or the path cannot be a socket's.
    """
    raw = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        raw.connect(path)
        check_peer(raw)
    except (FileNotFoundError, ConnectionRefusedError):
        raw.close()
        return None
    except OSError:
        raw.close()
        raise
    return Channel(raw, route)


def check_peer(raw: socket.socket) -> None:
    """Refuse a connection whose other end another user has: it would get environment, terminal, and the exit code.

    Raises:
        PermissionError: it is another user's.
    """
    user = peer_user(raw)
    if user != os.getuid():
        raise PermissionError(f"user {user} listens there")


def connect_to_daemon(path: str) -> Channel[ToClient, FromClient] | None:
    """Connect to a daemon's socket as a client; None if nobody listens there.

    Raises:
        OSError: the socket is not ours, or the path cannot be one.
    """
    return connect(path, TO_CLIENT)


def pair(
    route: Route[Received_co], *, send_timeout_s: float | None = None
) -> tuple[Channel[Received_co, Sent_contra], int]:
    """Return a channel that receives the messages of this route, and the descriptor of its other end."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    return Channel(ours, route, send_timeout_s=send_timeout_s), theirs.detach()


def adopt(descriptor: int, route: Route[Received_co]) -> Channel[Received_co, Sent_contra]:
    """Return a channel on a descriptor that was inherited or received."""
    return Channel(socket.socket(fileno=descriptor), route)


class Listener:
    """A socket that others find by its path: the daemon's, or a keeper's."""

    def __init__(self, path: str, *, backlog: int = 128) -> None:
        """Listen at a path.

        The socket appears under its name only when it listens: a client that sees the file
        can connect.

        Raises:
            OSError: the path cannot be bound.
        """
        self._path = path
        self._raw = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        hidden = f"{path[:-5]}.{os.getpid() % 1000}"
        if os.path.lexists(hidden):
            os.unlink(hidden)
        self._raw.bind(hidden)
        self._raw.listen(backlog)
        self._raw.setblocking(False)  # noqa: FBT003 - the standard library's signature
        os.rename(hidden, path)
        self._identity = _identity(path)

    def fileno(self) -> int:
        """Return the descriptor, for selectors."""
        return self._raw.fileno()

    def accept(self, route: Route[Received_co], *, send_timeout_s: float) -> Channel[Received_co, Sent_contra] | None:
        """Return the next connection of our own user; None if it is somebody else's or gone."""
        try:
            descriptor = accept(self._raw)
        except OSError:
            return None
        raw = socket.socket(fileno=descriptor)
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - the standard library's signature
        if peer_user(raw) != os.getuid():
            raw.close()
            return None
        return Channel(raw, route, send_timeout_s=send_timeout_s)

    def is_ours(self) -> bool:
        """Return whether the path still leads to this socket."""
        return _identity(self._path) == self._identity

    def close(self) -> None:
        """Stop listening; remove the path if it is still ours."""
        if self.is_ours():
            os.unlink(self._path)
        self._raw.close()


def peer_user(raw: socket.socket) -> int:
    """Return the user id of the process at the other end."""
    return int.from_bytes(_credentials(raw)[4:8], sys.byteorder)


def _credentials(raw: socket.socket) -> bytes:
    """Return process id (0 where it is not told) and user id of the other end, four bytes each."""
    if hasattr(socket, "SO_PEERCRED"):
        return raw.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)[:8]
    # LOCAL_PEERCRED of macOS: struct xucred { u_int version; uid_t uid; ... } at level 0
    return b"\0\0\0\0" + raw.getsockopt(0, 1, 76)[4:8]  # pragma: no cover


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino
