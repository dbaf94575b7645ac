"""A stage of a tagger: documents to features, and the weights that an earlier stage hands over."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import numpy as np

from onoma.alignment import WordEncoder
from onoma.corpus.sample import label_weights
from onoma.extractors.decoding import TagSet
from onoma.extractors.tagger import TaggerSettings
from onoma.models.adapters import Carried, attach, carry_weights, check_base, new_classifier
from onoma.models.runs import RunCard
from onoma.training.data import StageData
from onoma.training.distill import teach
from onoma.training.features import Features, epoch_shares, join_features, make_features
from onoma.training.learning import Learned, Work
from onoma.training.recipe import Stage


class TaggerLearner:
    """Makes features of a stage's documents, and trains a tagger on them.

    Args:
        work: what the stage finds.
        stage: of the recipe.
        data: its documents.
    """

    def __init__(self, work: Work, stage: Stage, data: StageData) -> None:
        self._work = work
        self._stage = stage
        self._data = data
        recipe = work.recipe
        self._encoder = WordEncoder.from_folder(work.base.folder, recipe.rewrite, mark_casing=recipe.mark_casing)
        self._features, self._groups, self._settings = self._prepare()

    @property
    def pieces(self) -> int:
        """Pieces of the training data."""
        return len(self._features.ids)

    def learn(self, checkpoints: Path) -> Learned:
        """Train; goes on from the last checkpoint in the folder."""
        from onoma.training.tagger import train_tagger

        recipe, stage, features = self._work.recipe, self._stage, self._features
        adapter = self._work.adapter(self._encoder.pieces_with(recipe.adapter.letters))
        model = attach(new_classifier(self._work.base, self._settings.tags.tags, recipe.layers), adapter)
        carried = self._carry(model) if stage.start else None
        sizes = [len(group) for group in self._groups]
        outcome = train_tagger(
            model,
            features,
            self._groups,
            epoch_shares(sizes, [mix.weight for mix in stage.train], stage.temperature),
            np.array(label_weights(features.entities, stage.balance)),
            self._data.validation,
            self._encoder,
            self._settings,
            recipe.training_of(stage),
            stage.distill,
            blend=stage.blend,
            seed=recipe.seed,
            folder=checkpoints,
            title=f"stage {stage.name}",
            console=self._work.console,
        )
        report = {
            "spans_lost": features.lost,
            "spans_widened": features.widened,
            "head": dataclasses.asdict(carried) if carried else None,
        }
        return Learned(model, self._card(), outcome, report)

    def _prepare(self) -> tuple[Features, list[range], TaggerSettings]:
        """Training rows, which of them each corpus has, and the settings that fit their lengths."""
        stage, base = self._stage, self._work.base
        subword_labels = self._work.recipe.training_of(stage).subword_labels
        settings = TaggerSettings(
            self._work.labels,
            base.max_pieces,
            window=base.max_pieces,
            subwords="mean" if subword_labels == "all" else "first",
        )
        teachers = {name: self._work.labeller(name) for name in stage.distill.teachers} if stage.distill else {}
        parts = [
            make_features(
                part,
                self._encoder,
                settings,
                subword_labels,
                soft=teach(teachers, part, settings.tags.tags) if teachers else None,
                weight=0.0 if mix.unlabelled else 1.0,
            )
            for mix, part in zip(stage.train, self._data.train, strict=True)
        ]
        ends = list(itertools.accumulate(map(len, parts), initial=0))
        groups = [range(first, last) for first, last in itertools.pairwise(ends)]
        features = join_features(parts)
        # Text to extract from should look as long as what was learned from; a rare giant does not count.
        usual = sorted(features.lengths.tolist())[int(0.99 * (len(features) - 1))]
        return features, groups, dataclasses.replace(settings, window=usual)

    def _carry(self, model: Any) -> Carried:
        source = self._work.start(self._stage)
        earlier = RunCard.read(source)
        if earlier.method != "full":
            check_base(earlier, self._work.base, str(source))
        known = TagSet(earlier.labels).tags if self._stage.head == "carried" else ()
        return carry_weights(model, source, known, self._settings.tags.tags)

    def _card(self) -> RunCard:
        recipe, base = self._work.recipe, self._work.base
        return RunCard(
            labels=self._work.labels,
            method=recipe.adapter.method,
            base=recipe.base,
            base_revision=base.revision,
            base_checksum=base.checksum,
            tokenizer_checksum=base.tokenizer_checksum,
            window=self._settings.window,
            subwords=self._settings.subwords,
            rewrite=recipe.rewrite,
            mark_casing=recipe.mark_casing,
            layers=recipe.layers,
        )
