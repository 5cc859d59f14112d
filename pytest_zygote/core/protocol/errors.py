"""The errors that this package raises on purpose, as a tree. Those of one room are defined there.

ZygoteError
├─ UsageError               options that cannot go together, or a value that is not understood
├─ Unavailable              no daemon can serve this run; carries the reason, and the client runs plain pytest instead
├─ ProtocolError
│  ├─ LocalProtocolError    we tried to do what the protocol forbids: our bug
│  └─ RemoteProtocolError   the peer sent what the protocol forbids
├─ ControllerGone (`parallel.worker_channel`)  the run process that a worker sends to has ended
├─ WorkerLost (`parallel.collection_barrier`)            a worker that collects by itself has ended before it had
├─ DifferentCollections (`parallel.collection_barrier`)  such workers have collected different tests
├─ ShardError (`core.shards.errors`)  a file of durations, or results of shards, cannot be used
│  └─ NoSourcesError (`core.shards.errors`)  coverage cannot be reported where the sources are not
├─ HostUnusableError (`hosts.remote_host`)  a host cannot take part in a run
├─ HostRunEndedError (`hosts.host_run`)     the run on a host has ended too early
├─ BuildError               a layer could not be built
│  └─ IneligibleModulesError (`zygote.ineligible_modules`)  certain modules must not be in it
├─ NotPatchable (`core.patching.errors`)  only a fresh import is right after an edit
├─ PatchError (`adapters.patching.errors`)             a patch did not do what it should
├─ NotPlainError (`core.sessions.recollection`)  the text of a test file may do more than define
├─ NotPersistable (`fixtures.persistent`)  a fixture cannot outlive the run
├─ NotCloneable (`django.test_databases`)  databases are not copied
├─ StoreError (`affected.database`)        what tests need cannot be stored or read
├─ BaselineError (`core.affected.baseline`)  a text is no baseline
└─ GitError (`affected.git_diff`)          git cannot tell what has changed
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pytest_zygote.core.reasons import Reason


class ZygoteError(Exception):
    """Base of all errors raised on purpose."""


class UsageError(ZygoteError):
    """The user's options or settings are not understood; the text says what to do."""


class Unavailable(ZygoteError):  # noqa: N818 - a state of the world, not a mistake
    """No daemon can serve this run, or carry out this command."""

    def __init__(self, reason: Reason) -> None:
        """Carry the reason; as text the error is what happened, without the code."""
        super().__init__(reason.text)
        self.reason = reason


class ProtocolError(ZygoteError):
    """A frame or message that the protocol does not allow."""


class LocalProtocolError(ProtocolError):
    """This process broke the protocol: a bug in pytest_zygote."""


class RemoteProtocolError(ProtocolError):
    """The peer broke the protocol: the connection is closed, nothing else suffers."""


class BuildError(ZygoteError):
    """A layer could not be built; the text is the reason shown to the user."""
