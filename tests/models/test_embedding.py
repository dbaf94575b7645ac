import numpy as np
import pytest

from onoma.models.embedding import encoder


def test_an_encoder_gives_unit_vectors(tiny_base):
    made = encoder(str(tiny_base))(["city", "town in the hills", "city"])
    assert np.linalg.norm(made, axis=1) == pytest.approx(np.ones(3), abs=1e-5)
    assert made[0] == pytest.approx(made[2], abs=1e-5)
