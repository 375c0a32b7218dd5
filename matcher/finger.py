"""One finger sample as a template: minutiae and vector, read from one look at the print.

sample -> view -> ridge waves -> minutiae, quality
                       `------> maps -> pose, patch, network -> vector, reliability
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from matcher import embedding
from matcher.codes import quantise
from matcher.embedding import Embedder
from matcher.extraction import MODEL, describe, extract_finger, keep_waves, look, read
from matcher.features import Features, derive
from matcher.vocabulary import FingerSample, FingerTemplate, Quality

PER_CENT = 100
"""Reliabilities are 0-1 in the network's output and whole per cent in templates."""


class FingerEngine:
    """Turns finger samples into templates; safe to share between threads.

    embedder: None for templates without vectors, as a tool for minutiae alone wants them. models:
    ids of what makes the templates.
    """

    __slots__ = ("_embedder", "models")

    def __init__(self, embedder: Embedder | None = None) -> None:
        self._embedder = embedder
        self.models: tuple[str, ...] = (MODEL, *([embedding.MODEL] if embedder else []))

    @classmethod
    def open(cls, models: Path) -> FingerEngine:
        """Load both networks. Raises ModelUnavailable when one is missing or altered."""
        return cls(Embedder.open(models))

    def extract(
        self, sample: FingerSample, *, turned: bool = False
    ) -> tuple[FingerTemplate, Quality]:
        """The template of a sample and its quality; equal to what each half gives by itself.

        turned: whether it is read at other poses too. Raises Malformed as extract_finger() does.
        A print on which no finger is seen has no vector; one too poor for minutiae may have one,
        of low reliability.
        """
        view = look(sample) if self._embedder is not None else None
        if view is None:
            return extract_finger(sample)
        planes = keep_waves(view)
        template, quality = describe(sample, *read(view, planes))
        features = derive(view, planes[0] * view.mask)
        return self._add_vector(template, features, turned=turned), quality

    def _add_vector(
        self, template: FingerTemplate, features: Features, *, turned: bool
    ) -> FingerTemplate:
        if self._embedder is None or features.is_empty:
            return template
        embedded = self._embedder.embed_features(features, turned=turned)
        return replace(
            template,
            vector=quantise(embedded.vector),
            reliability=round(PER_CENT * embedded.reliability),
            vector_model=embedding.MODEL,
            other_poses=quantise(embedded.others),
        )
