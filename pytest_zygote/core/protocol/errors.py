"""Every exception that this package raises on purpose.

ZygoteError
├─ UsageError          options that cannot go together, or a value that is not understood
├─ Unavailable         no daemon can serve this run; the client runs plain pytest instead
├─ ProtocolError
│  ├─ LocalProtocolError    we tried to do what the protocol forbids: our bug
│  └─ RemoteProtocolError   the peer sent what the protocol forbids
└─ BuildError          a layer could not be built; carries the sentence for the user
"""


class ZygoteError(Exception):
    """Base of all errors raised on purpose."""


class UsageError(ZygoteError):
    """The user's options or settings are not understood; the text says what to do."""


class Unavailable(ZygoteError):  # noqa: N818 - a state of the world, as in the design's vocabulary
    """No daemon can serve this run; the text is the reason shown to the user."""


class ProtocolError(ZygoteError):
    """A frame or message that the protocol does not allow."""


class LocalProtocolError(ProtocolError):
    """This process broke the protocol: a bug in pytest_zygote."""


class RemoteProtocolError(ProtocolError):
    """The peer broke the protocol: the connection is closed, nothing else suffers."""


class BuildError(ZygoteError):
    """A layer could not be built; the text is the reason shown to the user."""
