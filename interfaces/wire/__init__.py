"""Messages <-> terms: the data set and the capture as both packages of the profile carry them.

Everything that comes in is checked here for form (enumerations, days, lengths, numbers of
entries); what the law says about it is asked elsewhere. Refusals are `FormatRefused` with the
rules

    W01 VALUE      a value is not of the stated form
    W02 ABSENT     something the message cannot do without is not there
    W03 TOO_LONG   a text or list is longer than its limit
"""

from interfaces.wire.capture import capture_from, impression_from, position_from, position_to
from interfaces.wire.dataset import (
    changes_from,
    changes_to,
    dataset_from,
    dataset_to,
    stated_from,
)
from interfaces.wire.probes import (
    Identity,
    check_probe,
    has_biometrics,
    identity_from,
    samples_from,
)
from interfaces.wire.scalars import (
    category_from,
    category_to,
    check_request_id,
    enumerated,
    ground_from,
    instant_from,
    instant_to,
    mark_type_from,
    mark_type_to,
    sex_from,
    sex_to,
    text,
    texts,
)

__all__ = [
    "Identity",
    "capture_from",
    "category_from",
    "category_to",
    "changes_from",
    "changes_to",
    "check_probe",
    "check_request_id",
    "dataset_from",
    "dataset_to",
    "enumerated",
    "ground_from",
    "has_biometrics",
    "identity_from",
    "impression_from",
    "instant_from",
    "instant_to",
    "mark_type_from",
    "mark_type_to",
    "position_from",
    "position_to",
    "samples_from",
    "sex_from",
    "sex_to",
    "stated_from",
    "text",
    "texts",
]
