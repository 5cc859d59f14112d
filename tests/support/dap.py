"""A debugger's user interface, as far as tests need it: speaks the Debug Adapter Protocol with the real debugpy."""

from __future__ import annotations

import contextlib
import itertools
import json
import queue
import socket
import subprocess
import sys
import threading
from typing import IO, TYPE_CHECKING

from tests.support.daemon import UNIT_S

if TYPE_CHECKING:
    from pathlib import Path

    Message = dict[str, object]


class Conversation:
    """One connection to debugpy's adapter: a debug session of one process."""

    def __init__(self, name: str, reader: IO[bytes], writer: IO[bytes], owner: Debugger) -> None:
        """Start to listen."""
        self.name = name
        self._reader = reader
        self._writer = writer
        self._owner = owner
        self._numbers = itertools.count(1)
        self._answers: dict[int, queue.Queue[Message]] = {}
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def close(self) -> None:
        """Close the files, when the other side has ended."""
        self._listener.join(timeout=UNIT_S)
        for file in (self._reader, self._writer):
            with contextlib.suppress(OSError, ValueError):
                file.close()

    def _listen(self) -> None:
        while header := self._reader.readline():
            size = int(header.split(b":")[1])
            self._reader.readline()
            message = json.loads(self._reader.read(size))
            if message["type"] == "response":
                self._answers[message["request_seq"]].put(message)
            elif message["type"] == "event":
                self._owner.take(self, message["event"], message.get("body", {}))

    def send(self, command: str, **arguments: object) -> int:
        """Make a request."""
        number = next(self._numbers)
        self._answers[number] = queue.Queue()
        body = json.dumps({"seq": number, "type": "request", "command": command, "arguments": arguments}).encode()
        self._writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._writer.flush()
        return number

    def answer(self, number: int) -> Message:
        """Wait for the answer to a request.

        Raises:
            RuntimeError: the request was refused.
        """
        message = self._answers[number].get(timeout=12 * UNIT_S)
        if not message["success"]:
            raise RuntimeError(message)
        body = message.get("body", {})
        assert isinstance(body, dict)
        return body

    def ask(self, command: str, **arguments: object) -> Message:
        """Make a request and wait for the answer."""
        return self.answer(self.send(command, **arguments))


class Stop:
    """A thread that was stopped at a breakpoint."""

    def __init__(self, conversation: Conversation, thread: int) -> None:
        """Remember where to continue."""
        self._conversation = conversation
        self._thread = thread

    def place(self) -> tuple[str, int]:
        """Return the function and line of the innermost frame."""
        frames = self._conversation.ask("stackTrace", threadId=self._thread)["stackFrames"]
        assert isinstance(frames, list)
        return frames[0]["name"], frames[0]["line"]

    def evaluate(self, expression: str) -> object:
        """Return the value of an expression in the innermost frame."""
        frames = self._conversation.ask("stackTrace", threadId=self._thread)["stackFrames"]
        assert isinstance(frames, list)
        return self._conversation.ask("evaluate", expression=expression, frameId=frames[0]["id"])["result"]

    def go_on(self) -> None:
        """Continue."""
        self._conversation.ask("continue", threadId=self._thread)


class Debugger:
    """Launches a program under debugpy, and attaches to each process that it starts, as VS Code does.

    Attributes:
        breakpoints: file → lines.
        processes: names of all processes that were attached to.
    """

    def __init__(self, cwd: Path, environ: dict[str, str]) -> None:
        """Start the adapter."""
        self._cwd = cwd
        self._environ = environ
        self.breakpoints: dict[Path, list[int]] = {}
        self.processes: list[str] = []
        self._stops: queue.Queue[Stop] = queue.Queue()
        self._ended = threading.Event()
        self.output: list[str] = []
        self._sockets: list[socket.socket] = []
        self._conversations: list[Conversation] = []
        self._adapter = subprocess.Popen(
            [sys.executable, "-m", "debugpy.adapter"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=cwd,
            env=environ,
        )
        assert self._adapter.stdout is not None
        assert self._adapter.stdin is not None
        self._first = Conversation("first", self._adapter.stdout, self._adapter.stdin, self)

    def launch(self, *args: str, follows: bool = True) -> None:
        """Launch pytest with these arguments, and debug the processes that it starts, or not."""
        self._begin(
            self._first,
            "launch",
            module="pytest",
            args=list(args),
            cwd=str(self._cwd),
            env={},
            console="internalConsole",
            justMyCode=False,
            subProcess=follows,
        )

    def _begin(self, conversation: Conversation, command: str, **arguments: object) -> None:
        self.processes.append(conversation.name)
        self._conversations.append(conversation)
        conversation.ask("initialize", adapterID="python", pathFormat="path", linesStartAt1=True)
        begun = conversation.send(command, **arguments)
        self._configure = (conversation, begun)

    def take(self, conversation: Conversation, event: str, body: Message) -> None:
        """Do what the user interface does when something happens; never wait here, in the reading thread."""
        if event == "initialized":
            threading.Thread(target=self._set_breakpoints, args=(conversation,), daemon=True).start()
        elif event == "debugpyAttach":
            threading.Thread(target=self._attach, args=(body,), daemon=True).start()
        elif event == "stopped":
            thread = body["threadId"]
            assert isinstance(thread, int)
            self._stops.put(Stop(conversation, thread))
        elif event == "output":
            self.output.append(str(body["output"]))
        elif event == "terminated" and conversation is self._first:
            self._ended.set()

    def _set_breakpoints(self, conversation: Conversation) -> None:
        for path, lines in self.breakpoints.items():
            places = [{"line": line} for line in lines]
            conversation.ask("setBreakpoints", source={"path": str(path)}, breakpoints=places)
        conversation.ask("configurationDone")

    def _attach(self, configuration: Message) -> None:
        place = configuration["connect"]
        assert isinstance(place, dict)
        connection = socket.create_connection((place["host"], place["port"]))
        self._sockets.append(connection)
        reader, writer = connection.makefile("rb"), connection.makefile("wb")
        self._begin(Conversation(str(configuration["name"]), reader, writer, self), "attach", **configuration)

    def wait_for_stop(self) -> Stop:
        """Wait until a breakpoint is hit."""
        return self._stops.get(timeout=12 * UNIT_S)

    def wait_for_end(self) -> str:
        """Wait until the program has ended; return what it wrote."""
        assert self._ended.wait(12 * UNIT_S), "the program goes on"
        return "".join(self.output)

    def close(self) -> None:
        """End the program, if it has not ended, and the adapter."""
        with contextlib.suppress(OSError):
            self._first.send("disconnect", terminateDebuggee=True)
        for connection in self._sockets:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        # With its input closed, the adapter ends when it has ended the program.
        self._adapter.stdin.close()  # type: ignore[union-attr]  # it is a pipe
        self._adapter.wait(timeout=4 * UNIT_S)
        for conversation in self._conversations:
            conversation.close()
        for connection in self._sockets:
            connection.close()
