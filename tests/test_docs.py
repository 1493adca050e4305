"""What is cited leads somewhere in docs/; what docs name is there; their tables of facts say what the models say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from console.cli.main import COMMANDS
from console.http.limits import PREFIX as HTTP_PREFIX
from console.http.limits import Limits
from console.settings import PREFIX
from ledger.errors import REFUSAL_CODES
from ledger.fact import Fact
from ledger.programmes.capability import facts as capability
from ledger.programmes.capability.editions import shipped
from ledger.programmes.capability.events import EVENTS
from ledger.programmes.survey import facts as survey
from ledger.programmes.survey.editions import SHIPPED_EDITIONS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [*sorted(DOCS.glob("*.md")), *sorted(ROOT.glob("*.md")), ROOT / "client" / "README.md"]
OF_WHAT_IS_BUILT = [page for page in PAGES if page.name not in ("design.md", "capability.md", "log.md", "CHANGELOG.md")]
"""Pages that speak of nothing that is not there; the others also say where the project goes."""
CITING = ("ledger", "projections", "consumers", "console", "client", "tests", "deploy")
RULE = re.compile(r"(?<!\w)[RIPSC]\d{1,2}(?!\w)")
SECTION = re.compile(r"DESIGN (\d+)")
LINK = re.compile(r"\]\(([^)\s]+)\)")
NAMED_FILE = re.compile(r"`((?:ledger|projections|consumers|console|client|schemas|tests|deploy|docs)/[\w./-]+)`")
NAMED_COMMAND = re.compile(r"`csat-ledger ([a-z][a-z-]+)")
COMMON = {"type", "id", "membership", "occurred_at", "actor", "area"}


def citations(pattern: re.Pattern[str]) -> dict[str, str]:
    """What is cited, each with a file that cites it."""
    found: dict[str, str] = {}
    texts = [path for folder in CITING for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".sql", ".sh")]
    schemas = [path for path in (ROOT / "schemas").rglob("*.json") if "samples" not in path.parts]
    for path in texts + schemas:
        if path != Path(__file__):
            found |= dict.fromkeys(pattern.findall(path.read_text()), str(path.relative_to(ROOT)))
    for page in PAGES:
        found |= dict.fromkeys(pattern.findall(page.read_text()), page.name)
    return found


def anchors(page: Path) -> set[str]:
    """The fragments under which a page's headings can be linked to."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def table(page: str, columns: int) -> dict[str, list[str]]:
    """Type of fact -> the other columns, of a page's table of facts; one line may hold two types."""
    pattern = r"^\| ([a-z]+(?:-[a-z]+)+(?: / [a-z-]+)?) \|" + r" (.+?) \|" * columns + "$"
    rows = {}
    for names, *others in re.findall(pattern, (DOCS / page).read_text(), re.MULTILINE):
        rows |= dict.fromkeys(names.split(" / "), others)
    return rows


def fields(cell: str) -> set[str]:
    """The names of fields in a cell, those that may be left out with a question mark; what explains them is passed over."""
    return set(re.findall(r"[a-z_]+\??", re.sub(r"\([^()]*(?:\([^()]*\)[^()]*)*\)|\[[^]]*\]", "", cell)))


def fields_of(model: type[Fact]) -> set[str]:
    return {
        (field.alias or name) + ("" if field.is_required() else "?")
        for name, field in model.model_fields.items() if name not in COMMON
    }  # fmt: skip


def type_of(model: type[Fact]) -> str:
    return str(model.model_fields["type"].annotation.__args__[0])  # type: ignore[union-attr]


def test_every_rule_that_is_cited_stands_in_a_table_of_the_docs() -> None:
    told = set()
    for page in ("survey.md", "capability.md"):
        told |= set(re.findall(r"^\| ([RIPSC]\d{1,2}) \|", (DOCS / page).read_text(), re.MULTILINE))
    cited = citations(RULE)
    assert {"R1", "I2", "P2", "C13"} <= cited.keys()
    assert {rule: where for rule, where in cited.items() if rule not in told} == {}


def test_every_section_of_the_design_that_is_cited_is_there() -> None:
    told = set(re.findall(r"^## (\d+)\. ", (DOCS / "design.md").read_text(), re.MULTILINE))
    cited = citations(SECTION)
    assert {"4", "5", "6"} <= cited.keys()
    assert {section: where for section, where in cited.items() if section not in told} == {}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_and_headings_that_are_there(page: Path) -> None:
    missing = []
    for link in LINK.findall(page.read_text()):
        name, _, fragment = link.partition("#")
        target = page.parent / name if name else page
        if "://" not in link and not (target.exists() and (not fragment or fragment in anchors(target))):
            missing.append(link)
    assert missing == []


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_the_index_leads_to_every_page(page: Path) -> None:
    assert page.name == "README.md" or f"]({page.name})" in (DOCS / "README.md").read_text()


@pytest.mark.parametrize("page", OF_WHAT_IS_BUILT, ids=lambda page: page.name)
def test_files_and_commands_that_a_page_names_are_there(page: Path) -> None:
    text = page.read_text()
    assert [name for name in NAMED_FILE.findall(text) if not (ROOT / name).exists()] == []
    assert set(NAMED_COMMAND.findall(text)) <= set(COMMANDS)


def test_the_design_names_every_command() -> None:
    text = (DOCS / "design.md").read_text()
    assert [name for name in COMMANDS if not re.search(rf"`{name}\b", text)] == []


def test_every_figure_that_operations_names_is_one_of_the_metrics() -> None:
    pages = ("consumers/roles/metrics.py", "console/http/figures.py")
    told = {name for page in pages for name in re.findall(r"csat_ledger_\w+", (ROOT / page).read_text())}
    named = set(re.findall(r"`(csat_ledger_\w+)`", (DOCS / "operations.md").read_text()))
    roles = {f"csat_ledger_{role}" for role in ("migrator", "writer", "reader", "projector", "webhooks")}
    assert len(named) > len(roles)
    assert named - roles <= told


def test_every_variable_that_the_program_reads_stands_in_the_docs_and_every_one_that_stands_there_is_read() -> None:
    read = set(re.findall(rf"{PREFIX}[A-Z_]+[A-Z]", (ROOT / "console/settings.py").read_text()))
    limits = {f"{HTTP_PREFIX}{name.upper()}" for name in Limits.model_fields}
    pages = [ROOT / "README.md", ROOT / "docker-compose.yml", *sorted(DOCS.glob("*.md"))]
    told = set(re.findall(rf"\b{PREFIX}[A-Z_]+[A-Z]", "".join(page.read_text() for page in pages)))
    assert len(read) > 20
    assert (read | limits) - told == {f"{PREFIX}HTTP"}
    assert told - read - limits == {f"{PREFIX}{name}" for name in ("ISSUER", "AUDIENCE", "TAG")}, (
        "those that Compose puts in"
    )


def test_every_code_of_a_refusal_stands_in_the_docs() -> None:
    text = "".join((DOCS / page).read_text() for page in ("design.md", "survey.md", "capability.md"))
    codes = set()
    for path in (ROOT / "ledger/programmes").rglob("*.py"):
        codes |= set(re.findall(r'refuse\(\s*"([a-z-]+)"', path.read_text()))
    assert {"scorebook-exists", "consent-missing"} <= codes <= set(REFUSAL_CODES)
    assert [code for code in REFUSAL_CODES if f"`{code}`" not in text] == []


@pytest.mark.parametrize(
    ("page", "columns", "models"),
    [("design.md", 1, survey.FACT_MODELS), ("capability.md", 2, capability.FACT_MODELS)],
    ids=["survey", "capability"],
)
def test_the_table_of_facts_says_what_the_models_say(page: str, columns: int, models: tuple[type[Fact], ...]) -> None:
    told = {name: fields(others[0]) for name, others in table(page, columns).items()}
    made = {type_of(model): fields_of(model) for model in models}
    assert {name: told.get(name) for name in made} == made


def test_the_table_of_facts_names_the_events_of_the_capability_programme() -> None:
    told = {others[1] for others in table("capability.md", 2).values()}
    assert told == {name for name, _ in EVENTS.data} - {"DesignationChanged"}


def test_the_shipped_rates_are_those_that_the_page_names() -> None:
    text = (DOCS / "capability.md").read_text()
    ((_, edition),) = shipped()
    sentence = text.split("and these rates: ")[1].split("\nRevenue takes")[0]
    told = {}
    for part in re.sub(r" \(.*?\)", "", sentence).rstrip(".").split(";"):
        names, rate = part.rsplit(" ", 1)
        told |= dict.fromkeys(re.findall(r"[a-z-]+", names), round(float(rate) * 1_000))
    assert told == {workload: rate["rate_milli"] for workload, rate in edition.data["rates"].items()}
    assert f"Shipped edition `{edition.data['edition']}`" in text


def test_the_shipped_rulebooks_are_those_that_the_page_names() -> None:
    text = (DOCS / "design.md").read_text()
    first, second = SHIPPED_EDITIONS
    figures = (
        first.min_responses, first.per_org_cap, first.min_organisations, first.window_months, first.min_evaluations
    )  # fmt: skip
    said = ", ".join(map(str, figures)) + f", {str(first.pool_locations).lower()}"
    assert f"`{first.edition}` ({said}) and `{second.edition}` (the same figures" in text
