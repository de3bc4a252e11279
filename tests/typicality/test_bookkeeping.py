import math

import pytest

from typica.core.errors import ConfigError, DataError
from typica.typicality.bookkeeping import Account, Report, bits_per_byte, bits_per_second

BIT = math.log(2)


def account(name, code_bits, rest_bits, symbols=10, measure="8-bit levels", **figures):
    rest = None if rest_bits is None else -rest_bits * BIT
    return Account(name, -code_bits * BIT, rest, symbols, "pixel value", measure, figures)


def test_a_uniform_model_of_bytes_pays_eight_bits_a_byte():
    assert bits_per_byte(-100 * math.log(256), bytes(100)) == pytest.approx(8)
    assert bits_per_second(-100 * math.log(2), 2.5) == pytest.approx(40)


def test_characters_are_not_bytes():
    with pytest.raises(DataError, match="encode the str"):
        bits_per_byte(-1.0, "naïve")
    with pytest.raises(DataError, match="above 0 s"):
        bits_per_second(-1.0, 0)


def test_an_account_adds_up():
    one = account("five bits", 30, 30)

    assert (one.code_bits, one.rest_bits, one.total_bits) == pytest.approx((3, 3, 6))


def test_totals_rank_what_codes_alone_would_rank_the_other_way_round():
    coarse, fine = account("three bits", 15, 50), account("all bits", 60, 0)
    report = Report([coarse, fine])

    assert coarse.code_bits < fine.code_bits
    assert report.ranking() == ["all bits", "three bits"]
    with pytest.raises(ConfigError, match="leave out different amounts"):
        report.ranking(by="code")


def test_codes_rank_where_they_leave_out_the_same():
    report = Report([account("b", 20, 50), account("a", 15, 50)])

    assert report.ranking(by="code") == report.ranking() == ["a", "b"]


@pytest.mark.parametrize("by", ["total", "code"])
def test_a_rest_that_is_not_available_is_not_nothing(by):
    report = Report([account("learnt codes", 1, None), account("all bits", 60, 0)])

    with pytest.raises(DataError, match="cannot rank learnt codes.*not available"):
        report.ranking(by=by)
    assert report.accounts[0].total_bits is None
    assert "not available" in str(report)


def test_a_report_is_of_one_data_set_and_one_measure():
    with pytest.raises(ConfigError, match="one base measure"):
        Report([account("a", 1, 1), account("b", 1, 1, measure="5-bit levels")])
    with pytest.raises(ConfigError, match="one data set"):
        Report([account("a", 1, 1), account("b", 1, 1, symbols=11)])


def test_accounts_without_numbers_are_refused():
    with pytest.raises(DataError, match="above 0"):
        account("a", 1, 1, symbols=0)
    with pytest.raises(DataError, match="NaN"):
        account("a", math.nan, 1)


def test_the_table_shows_the_three_terms_and_further_figures():
    report = Report([account("five bits", 30, 30, AUROC=0.75), account("all", 50, 0)])

    lines = str(report).splitlines()

    assert lines[0] == "bits for each pixel value, 8-bit levels"
    assert lines[1].split() == ["model", "bits(z)", "bits(x|z)", "total", "AUROC"]
    assert lines[2].split() == ["five", "bits", "3.0000", "3.0000", "6.0000", "0.7500"]
    assert lines[3].split() == ["all", "5.0000", "0.0000", "5.0000", "not", "available"]
