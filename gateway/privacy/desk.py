"""What a process needs to give users what they may demand of it."""

from gateway.identity.audit import AuditLog
from gateway.identity.users import Users
from gateway.privacy.erase import Erasure
from gateway.privacy.kinds import KindList
from gateway.privacy.receipts import ReceiptSigner
from gateway.privacy.storage_erasure import StorageErasure
from gateway.store.base import Store
from gateway.store.server_files import Files
from gateway.types.clock import Clock


class Privacy:
    """Erasure, its receipts, and the kinds of context that both and the export go by."""

    def __init__(
        self,
        store: Store,
        users: Users,
        audit: AuditLog,
        clock: Clock,
        kinds: KindList,
        receipt_key: bytes,
    ) -> None:
        self.kinds = kinds
        self.erasure = Erasure(store, users, audit, clock, kinds)
        self.signer = ReceiptSigner(receipt_key)
        self._store = store
        self._clock = clock

    def storage_job(self, files: Files | None) -> StorageErasure:
        """Return the job of a worker that carries erasures to their end.

        `files` is where the embedded server keeps its files, None for a server elsewhere.
        """
        return StorageErasure(self._store, self.erasure, self.kinds, self._clock, files)
