#!/bin/sh
# From raw text to a tagger without a label: harvest → label → assemble → train → evaluate on gold.
#
#   recipes/label-free/run.sh TEXT GOLD [LABELLER]
#
# TEXT      a file or folder of raw text (.txt .md .html .csv .jsonl .parquet)
# GOLD      a corpus with gold labels, to evaluate on alone
# LABELLER  recipes/label-free/rules.yaml if left out; for a strong model: recipes/label-free/llm.yaml
#
# Variables: BASE, the encoder that is trained (bundled:minilm-l6); RUNS, the folder for everything (runs/label-free);
# LABELS, a label map that GOLD is put under, such as recipes/it-domain/labels.yaml for Stack Overflow's 27 labels.
# Stopped half-way, the same command goes on; what an endpoint has answered is not asked again.
set -eu

text=$1 gold=$2
here=$(dirname "$0")
labeller=${3:-$here/rules.yaml}
runs=${RUNS:-runs/label-free}

onoma harvest "$here/sources.yaml" "$runs/raw" --set "sources.text.files=$text"
onoma label "$runs/raw" "$runs/labelled.parquet" --with "$labeller" --journal "$runs/journal.sqlite"
onoma convert "$gold" "$runs/gold.jsonl" --split test ${LABELS:+--labels "$LABELS"}
onoma assemble "$here/assembly.yaml" "$runs/corpus" --journal "$runs/journal.sqlite" \
    --set "parts.labelled.source=$runs/labelled.parquet" --set "leakage=[$runs/gold.jsonl]"
onoma train "$here/tagger.yaml" --runs "$runs" \
    --set "base=${BASE:-bundled:minilm-l6}" --set "data.source=$runs/corpus"
echo "The labeller itself:"
onoma evaluate "$labeller" "$runs/gold.jsonl" --split train
echo "The tagger that learned from it:"
onoma evaluate "$runs/tagger" "$runs/gold.jsonl" --split train
