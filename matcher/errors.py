"""The error tree of the matcher.

    MatcherError
    ├── Malformed            bytes or arrays that are not what they claim to be
    ├── ModelMismatch        templates of different model ids were to be compared
    ├── ModelUnavailable     a model file is missing or its hash is not the manifest's
    ├── Abandoned            a search was given up at its deadline, and found nothing out
    ├── Overloaded           too many searches wait already; it says when to come back
    ├── ScratchUnusable      the folder of the fine codes takes no more
    ├── Unreachable          a shard of the gallery has no replica that answers
    └── Unforeseen           a step of a search fails where it is put, for a reason nobody foresaw

An unusable finger or face is not an error: it yields quality 0, a reason, and a
template that never matches.
"""


class MatcherError(Exception):
    """Any error that the matcher raises on purpose."""


class Malformed(MatcherError):
    """Bytes or arrays break a stated layout or limit; the text names which, never the content."""


class ModelMismatch(MatcherError):
    """Two templates carry different model ids and cannot be compared."""


class ModelUnavailable(MatcherError):
    """A model file is missing or altered; the text says which command prepares it."""


class Abandoned(MatcherError):
    """A search was given up at its deadline; this is no answer, least of all a negative one."""


class Overloaded(MatcherError):
    """Too many searches wait; seconds: after which trying again is worth it."""

    def __init__(self, seconds: float) -> None:
        super().__init__("too many searches wait for the gallery already")
        self.seconds = seconds


class ScratchUnusable(MatcherError):
    """The folder in which fine codes lie takes no more of them; whom the gallery holds stay."""


class Unreachable(MatcherError):
    """No replica of a shard answers; nothing was found out, and a change is not acknowledged."""


class Unforeseen(MatcherError):
    """A step of a search fails in the replicas of a shard, which answer others; nothing was found
    out. The text names the class of what they raise and none of the content."""
