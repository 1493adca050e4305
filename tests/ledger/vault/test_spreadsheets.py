"""No cell that is handed out is run, whichever separator a spreadsheet takes."""

from __future__ import annotations

import csv
import io

import pytest

from ledger.vault.spreadsheets import FORMULA_STARTS, neutralised

RUN = '=HYPERLINK("http://example.org")'
SIGNS = [one for one in FORMULA_STARTS if one.isprintable()]


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize(
    "before", ["", "\n", "\r\n", "\t", "well; ", "well;", "well\n", "well\t", 'well;"', "well; '", ";;"]
)
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_no_cell_begins_a_formula_whatever_the_separator_is_taken_for(sign: str, before: str, separator: str) -> None:
    text = io.StringIO()
    csv.writer(text).writerow(["r-1", "", neutralised(f"{before}{sign}1+1")])
    text.seek(0)
    cells = [cell for row in csv.reader(text, delimiter=separator) for cell in row]
    assert not [cell for cell in cells if cell.lstrip().startswith(tuple(SIGNS))], cells


@pytest.mark.parametrize(
    "cell", ["", "well done", "5 - 3 = 2", "a;b", "a+b@c", "two\nlines", "Bernt & Söhne-Werke; Süd"]
)
def test_what_is_no_formula_stays_as_it_is(cell: str) -> None:
    assert neutralised(cell) == cell
