"""How good is it, honestly: metrics with intervals."""

from onoma.evaluation.evaluate import Evaluation, evaluate
from onoma.evaluation.metrics import Metrics, Scores, score

__all__ = ["Evaluation", "Metrics", "Scores", "evaluate", "score"]
