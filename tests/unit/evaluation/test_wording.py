import math

import pytest

from alphaloop.evaluation import wording
from alphaloop.evaluation.scores import Score


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (wording.decimal(0.12345), "0.123"),
        (wording.decimal(-0.5, 1), "−0.5"),
        (wording.decimal(-0.0001), "0.000"),
        (wording.decimal(None), "not measured"),
        (wording.decimal(math.nan), "not measured"),
        (wording.signed(0.1), "+0.100"),
        (wording.signed(-0.1), "−0.100"),
        (wording.signed(0.0), "0.000"),
        (wording.percent(0.4567), "45.7 %"),
        (wording.percent(None), "not measured"),
        (wording.signed_percent(0.02), "+2.00 %"),
        (wording.signed_percent(math.nan), "not measured"),
        (wording.between(Score(1.0, 0.5, 1.5), 1), "0.5 to 1.5"),
        (wording.between(Score(1.0, math.nan, math.nan)), "interval not measured"),
        (wording.count(1, "trade"), "1 trade"),
        (wording.count(1_200, "trade"), "1,200 trades"),
        (wording.duration(900.0), "15 minutes"),
        (wording.duration(3_600.0), "1 hour"),
        (wording.duration(0.25), "0.25 s"),
        (wording.duration(200_000.0), "2.31 days"),
        (wording.moment(1_717_200_000 * 10**9), "2024-06-01 00:00"),
        (wording.scalar(None), "not measured"),
        (wording.scalar(True), "yes"),
        (wording.scalar(12_000), "12,000"),
        (wording.scalar(10_000.0), "10,000"),
        (wording.scalar(math.inf), "not measured"),
        (wording.scalar(-1.5e-9), "−1.5e−09"),
    ],
)
def test_numbers_read_as_people_write_them(said, text):
    assert said == text
