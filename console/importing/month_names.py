"""Names of months, long and short, as the exports of survey tools have them (CLDR's, Gregorian calendar, format style)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

_LONG: Final = {
    "cs": "ledna února března dubna května června července srpna září října listopadu prosince",
    "da": "januar februar marts april maj juni juli august september oktober november december",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "en": "January February March April May June July August September October November December",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "fi": "tammikuuta helmikuuta maaliskuuta huhtikuuta toukokuuta kesäkuuta heinäkuuta elokuuta syyskuuta lokakuuta "
    "marraskuuta joulukuuta",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "nb": "januar februar mars april mai juni juli august september oktober november desember",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
    "pl": "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "sv": "januari februari mars april maj juni juli augusti september oktober november december",
}
_SHORT: Final = {
    "da": "jan feb mar apr maj jun jul aug sep okt nov dec",
    "de": "Jan Feb Mär Apr Mai Jun Jul Aug Sep Okt Nov Dez",
    "en": "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
    "es": "ene feb mar abr may jun jul ago sept oct nov dic",
    "fr": "janv févr mars avr mai juin juil août sept oct nov déc",
    "it": "gen feb mar apr mag giu lug ago set ott nov dic",
    "nb": "jan feb mars apr mai juni juli aug sep okt nov des",
    "nl": "jan feb mrt apr mei jun jul aug sep okt nov dec",
    "pl": "sty lut mar kwi maj cze lip sie wrz paź lis gru",
    "pt": "jan fev mar abr mai jun jul ago set out nov dez",
    "sv": "jan feb mars apr maj juni juli aug sep okt nov dec",
}
LANGUAGES: Final = tuple(_LONG)
"""Those whose names of months are known."""


def month_of(name: str, languages: Sequence[str]) -> int | None:
    """The month, 1 to 12, that a name means in one of some languages; None where it is none, or one here and another there."""
    folded = name.rstrip(".").casefold()
    found = {month for language in languages if (month := _months(language).get(folded)) is not None}
    return found.pop() if len(found) == 1 else None


@lru_cache(maxsize=len(LANGUAGES))
def _months(language: str) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for names in (_LONG[language], _SHORT.get(language, "")):
        found.update((name.casefold(), number) for number, name in enumerate(names.split(), 1))
    return found
