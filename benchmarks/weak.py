"""What labellers that err in their own ways say together: by majority, and by trust estimated without gold.

Writes its part of results.md:

python benchmarks/weak.py RUN ../shared/data/stackoverflow recipes/it-domain/labels.yaml recipes/it-domain/rules.yaml
"""

from __future__ import annotations

import argparse
from pathlib import Path

from results import table, write_section

import onoma
from onoma.annotation.gazetteer import harvest_names
from onoma.annotation.weak import collect_votes, decide, fit_trust, majority_vote
from onoma.corpus import load_corpus
from onoma.corpus.relabel import read_label_map, relabel
from onoma.evaluation.metrics import score, span_counts
from onoma.evaluation.significance import approximate_randomization, p_text

SEED = 13


def main() -> None:
    """Label the test split by a run, by rules and by the names of the training split; score each, and their votes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path, help="a tagger of these labels")
    parser.add_argument("corpus", help="with train and test")
    parser.add_argument("labels", type=Path, help="label map of the corpus")
    parser.add_argument("rules", help="rules file")
    wanted = parser.parse_args()
    corpus = relabel(load_corpus(wanted.corpus), read_label_map(wanted.labels)).corpus
    gold = list(corpus["test"])
    labellers = {
        "tagger": onoma.load(wanted.run),
        "rules": onoma.load(wanted.rules),
        "names of the training split": harvest_names(corpus["train"]),
    }
    texts = [document.with_spans([]) for document in gold]
    found = {name: labeller.extract(texts) for name, labeller in labellers.items()}
    known = {name: labeller.labels for name, labeller in labellers.items()}
    lists = [name for name, labeller in labellers.items() if not labeller.exhaustive]
    for told, silent in (("lists abstain where they are silent", lists), ("their silence denies", [])):
        votes = collect_votes({name: found[name] for name in labellers}, known, silent)
        found[f"majority, {told}"] = decide(votes, majority_vote(votes))
        found[f"trust, {told}"] = decide(votes, fit_trust(votes).posterior)
    reference = span_counts(gold, found["majority, lists abstain where they are silent"])
    rows = []
    for name, documents in found.items():
        scores = score(gold, documents, seed=SEED)
        p = approximate_randomization(span_counts(gold, documents), reference, seed=SEED)
        micro = scores.micro
        rows.append((name, f"{micro.precision:.3f}", f"{micro.recall:.3f}", f"{scores.f1:.3f}", p_text(p)))
    name = Path(wanted.corpus).name
    write_section(
        f"Labellers that vote, {name}",
        f"python benchmarks/weak.py RUN {name} {wanted.labels.name} {Path(wanted.rules).name}",
        [
            f"{len(gold):,} test sentences; strict, p against majority where lists abstain.",
            "",
            *table(("labeller", "precision", "recall", "F1", "p"), rows),
        ],
    )


if __name__ == "__main__":
    main()
