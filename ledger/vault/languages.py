"""The 34 languages in which the survey is offered (I6), as BCP 47 tags."""

from __future__ import annotations

from typing import Final

LANGUAGES: Final = (
    "zh-Hans", "zh-Hant", "hr", "cs", "da", "nl", "en-GB", "en-US", "et", "fi", "fr", "de", "el", "he", "hu", "id", "it",
    "ja", "ko", "lv", "lt", "nb", "pl", "pt-BR", "pt-PT", "ro", "ru", "sk", "sl", "es-419", "es-ES", "sv", "th", "tr",
)  # fmt: skip
_BY_FOLDED: Final = {tag.lower(): tag for tag in LANGUAGES}


def known_language(text: str) -> str | None:
    """The tag that a text means, whatever its case; None where it is none of the 34. `_` stands for `-`."""
    return _BY_FOLDED.get(text.lower().replace("_", "-"))
