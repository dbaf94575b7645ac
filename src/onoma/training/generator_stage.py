"""A stage of a generator: documents to conversations, and the weights that an earlier stage hands over."""

from __future__ import annotations

import random
from pathlib import Path

from onoma.document import Document
from onoma.extractors.codecs import find_codec
from onoma.extractors.generator import GeneratorSettings
from onoma.extractors.instructions import VERSION
from onoma.models.adapters import attach, carry_weights, check_base
from onoma.models.generator_card import GeneratorCard
from onoma.models.generators import new_decoder
from onoma.models.vocabulary import Vocabulary
from onoma.training.conversations import make_conversations
from onoma.training.data import StageData
from onoma.training.features import epoch_shares
from onoma.training.learning import Learned, Work
from onoma.training.recipe import Generator, Stage


class GeneratorLearner:
    """Makes conversations of a stage's documents, and trains a generator on them.

    Args:
        work: what the stage finds.
        stage: of the recipe.
        data: its documents.
    """

    def __init__(self, work: Work, stage: Stage, data: StageData) -> None:
        self._work = work
        self._stage = stage
        self._settings = work.recipe.generator or Generator()
        self._vocabulary = Vocabulary(work.base.folder)
        generator = random.Random(work.recipe.seed)
        weights = [mix.weight for mix in stage.train]
        shares = epoch_shares([len(part) for part in data.train], weights, stage.temperature)
        made = [
            make_conversations(_drawn(part, share, generator), self._vocabulary, self._settings, generator)
            for part, share in zip(data.train, shares, strict=True)
        ]
        self._examples = [example for part in made for example in part.examples]
        self._report = {"spans_lost": sum(part.lost for part in made), "open_prompts": sum(part.open for part in made)}
        each = max(1, self._settings.sample // max(1, len(data.validation_parts)))
        self._validation = [part[:each] for part in data.validation_parts]

    @property
    def pieces(self) -> int:
        """Pieces of the training data."""
        return sum(map(len, self._examples))

    def learn(self, checkpoints: Path) -> Learned:
        """Train; goes on from the last checkpoint in the folder."""
        from onoma.training.generator import train_generator

        recipe, stage, base = self._work.recipe, self._stage, self._work.base
        decoder = new_decoder(base, four_bits=self._settings.four_bits)
        model = attach(decoder, self._work.adapter(), task="CAUSAL_LM")
        if stage.start:
            source = self._work.start(stage)
            earlier = GeneratorCard.read(source)
            if earlier.method != "full":
                check_base(earlier, base, str(source))
            carry_weights(model, source, (), ())
        card = GeneratorCard(
            labels=self._work.labels,
            method=recipe.adapter.method,
            base=recipe.base,
            base_revision=base.revision,
            base_checksum=base.checksum,
            tokenizer_checksum=base.tokenizer_checksum,
            codec=self._settings.codec,
            instructions=VERSION,
            window=self._settings.window,
            definitions=self._settings.definitions,
        )
        outcome = train_generator(
            model,
            self._examples,
            self._validation,
            base,
            self._vocabulary,
            GeneratorSettings(find_codec(card.codec), card.labels, card.definitions, card.window),
            recipe.training_of(stage),
            seed=recipe.seed,
            folder=checkpoints,
            title=f"stage {stage.name}",
            console=self._work.console,
        )
        return Learned(model, card, outcome, self._report)


def _drawn(documents: list[Document], count: int, generator: random.Random) -> list[Document]:
    """So many documents: each as often as it goes into the number, and some once more, drawn without repeats."""
    whole, rest = divmod(count, len(documents))
    return documents * whole + generator.sample(documents, rest)
