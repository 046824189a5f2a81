"""How MLflow serves the shipped files (registry.LOADERS names this module): a table with `text` in, what is read in each text out."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from models.classifier.score import Classifier
from warehouse.vocabulary import CATEGORIES, SENTIMENTS

INPUTS = {"text": "string"}
OUTPUTS = (
    {"relevant_p": "double", "relevant": "long", "sentiment": "string"} | {f"{name}_p": "double" for name in SENTIMENTS}
    | {"category": "string"} | {f"{name}_p": "double" for name in CATEGORIES}
)  # fmt: skip
REQUIREMENTS = ("openvino", "numpy", "polars", "pandas")


class Served:
    """Texts -> relevance, sentiment and category with every probability, a row each, in the order given."""

    def __init__(self, classifier: Classifier) -> None:
        self.classifier = classifier

    def predict(self, rows: pd.DataFrame) -> pd.DataFrame:
        relevant, sentiment, category = self.classifier.probabilities(rows["text"].fillna("").astype(str).tolist())
        columns: dict[str, object] = {"relevant_p": relevant[:, 1], "relevant": (relevant[:, 1] >= 0.5).astype(int)}
        for head, labels, chances in (("sentiment", list(SENTIMENTS), sentiment), ("category", list(CATEGORIES), category)):
            columns[head] = [labels[i] for i in chances.argmax(1)]
            columns |= {f"{label}_p": chances[:, i] for i, label in enumerate(labels)}
        return pd.DataFrame(columns, index=rows.index)[list(OUTPUTS)]


def _load_pyfunc(folder: str) -> Served:
    return Served(Classifier.load(Path(folder)))
