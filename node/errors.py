"""The error tree of the node.

    NodeError
    ├── SettingsWrong        a setting is missing, unknown, of the wrong kind or out of range
    ├── PkiRefused           no authority, or a key that would be overwritten
    ├── VaultUnusable        no key file, a key file others can read, or not a key
    ├── SealBroken           a sealed value was altered, moved or sealed under another key
    ├── StoreUnusable        the store is newer than this program, another State's, full or locked
    ├── NotReady             the gallery does not (yet) agree with the store
    ├── AccessDenied         this actor may not do this for this purpose
    ├── NotFound             no such data set, hit or proposal (or it is erased)
    ├── RequestReused        a request id came back with other content
    ├── ChainBroken          records would be erased from a place where the audit chain is broken
    └── OutOfTurn            the state of the case does not allow the act now

Two trees of lower rooms pass through the acts unchanged: `interfaces.eurodac.errors.RuleBroken`
(the law forbids it) and the errors of `interfaces.formats` (bytes that are not what they claim
to be). An insufficient quality, an empty candidate list and the verdict on the audit chain
are values.
No text of an error holds a name or a biometric; it may hold a reference number.
"""


class NodeError(Exception):
    """Any error that the node raises on purpose."""


class SettingsWrong(NodeError):
    """A setting cannot be used; the text names file, key and what is wanted."""


class PkiRefused(NodeError):
    """A trial certificate cannot be made; the text says what to do."""


class VaultUnusable(NodeError):
    """The key file cannot be used; the text says what to do."""


class SealBroken(NodeError):
    """A sealed value does not open at this place; the text names the place only.

    row: the row of its table, so that a caller can set it aside.
    """

    def __init__(self, message: str, *, row: str = "") -> None:
        super().__init__(message)
        self.row = row


class StoreUnusable(NodeError):
    """The store cannot be used: not by this program, or not now."""


class NotReady(NodeError):
    """The node must not answer yet."""


class AccessDenied(NodeError):
    """The role may not do this for this purpose; recorded in the audit chain first."""


class NotFound(NodeError):
    """What was named does not exist here or is erased."""


class RequestReused(NodeError):
    """The request id was used before with other content."""


class ChainBroken(NodeError):
    """The audit chain does not hold where records would be erased; nothing is erased there.

    number: of the first record that does not fit.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"the audit chain is broken at record {number}: have an auditor verify it")
        self.number = number


class OutOfTurn(NodeError):
    """The case is in a state in which the act has no meaning; the text names the state."""
