"""How hypothesis goes about it, and which tests need a server.

Every run draws new examples (see tests/support/example_seed.py). A failure prints the example, and `@reproduce_failure`
with what brings it back. A test that asks for a database server or a broker gets the mark `server`,
so that `make quick` can do without; what else takes long has the mark `slow`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.servers.fixtures", "tests.support.example_seed"]

# Without a database, since what it keeps would never reach another machine: what was found is kept as an @example.
settings.register_profile(
    "new examples",
    settings(deadline=None, database=None, derandomize=False, print_blob=True, suppress_health_check=list(HealthCheck)),
)
settings.load_profile("new examples")

SERVER_FIXTURES = {"postgres_server", "own_postgres", "kafka_broker", "own_kafka"}
SERVER_NAMES = {"postgres", "postgresql", "kafka"}  # as parameters of tests that ask for a server late
SERVER_MODULES = ("tests/servers/", "tests/client/kafka/test_secure_broker.py")


SLOW = (
    "tests/client/http/",
    "tests/client/test_readme.py",
    "tests/client/test_receipts.py",
    "tests/console/cli/fact_files/test_opening.py",
    "tests/console/cli/test_answers.py",
    "tests/console/cli/test_extras.py",
    "tests/console/cli/test_lines.py",
    "tests/console/cli/test_log_server.py",
    "tests/console/cli/test_memory.py",
    "tests/console/cli/test_monitor_command.py",
    "tests/console/cli/test_monitor_receipts.py",
    "tests/console/cli/test_proof_commands.py",
    "tests/console/cli/test_questions.py::test_a_membership_of_another_form_is_unknown_and_no_lost_store",
    "tests/console/cli/test_receipt_commands.py",
    "tests/console/cli/test_record.py",
    "tests/console/cli/test_startup.py",
    "tests/console/cli/test_streams.py",
    "tests/console/cli/test_tables.py::test_every_commands_table_shows_whole_dates_and_states",
    "tests/console/demo/test_capability_sample.py",
    "tests/console/demo/test_demo.py",
    "tests/console/demo/test_demo_proof.py",
    "tests/console/demo/test_sample.py",
    "tests/console/demo/test_serving.py",
    "tests/console/http/",
    "tests/console/test_readme.py::test_what_is_pasted_from_the_readme_prints_what_it_shows",
    "tests/console/pages/",
    "tests/console/test_sizes.py",
    "tests/consumers/roles/test_clock.py",
    "tests/consumers/roles/test_outages.py",
    "tests/consumers/roles/test_relay.py",
    "tests/consumers/roles/test_relay_unended.py",
    "tests/consumers/roles/test_relay_commands.py::test_without_a_broker_named_or_there_the_commands_say_so",
    "tests/consumers/webhooks/test_example_receiver.py",
    "tests/consumers/webhooks/test_kills.py",
    "tests/consumers/webhooks/test_misfortunes.py",
    "tests/consumers/webhooks/test_network.py",
    "tests/consumers/webhooks/test_role.py",
    "tests/consumers/webhooks/test_sender.py",
    "tests/contracts/test_library_suites.py",
    "tests/docs/",
    "tests/ledger/audit/test_audit.py",
    "tests/ledger/monitor/",
    "tests/ledger/programmes/capability/test_against_the_text.py",
    "tests/ledger/programmes/capability/test_form.py",
    "tests/ledger/programmes/capability/test_order.py",
    "tests/ledger/programmes/survey/test_facts.py::test_a_line_is_a_fact_exactly_where_the_oracle_says_so",
    "tests/ledger/programmes/survey/test_flips.py",
    "tests/ledger/programmes/survey/test_hand_cases.py::test_the_ledger_says_the_same[an_entry_beyond",
    "tests/ledger/programmes/survey/test_organisations.py",
    "tests/ledger/programmes/survey/test_organisations_scale.py",
    "tests/ledger/programmes/survey/test_outcome.py::test_a_decision_on_100000_responses_costs_at_most_twice_one_on_100",
    "tests/ledger/programmes/survey/test_overview.py",
    "tests/ledger/programmes/survey/test_properties.py",
    "tests/ledger/proof/capability/test_recheck.py",
    "tests/ledger/proof/capability/test_timeline.py",
    "tests/ledger/proof/log/test_attacks.py",
    "tests/ledger/proof/log/test_tiles.py::test_tiles_hold_the_hashes_of_complete_subtrees_and_give_back_every_stored_hash",
    "tests/ledger/proof/survey/test_past.py",
    "tests/ledger/proof/survey/test_random_histories.py",
    "tests/ledger/proof/survey/test_recheck.py",
    "tests/ledger/seal/test_book_attacks.py",
    "tests/ledger/seal/test_every_crash.py",
    "tests/ledger/seal/test_evidence.py::test_evidence_at_any_size_is_what_it_was_then_and_each_newer_one_extends_it",
    "tests/ledger/seal/test_forms.py",
    "tests/ledger/seal/test_log_server.py",
    "tests/ledger/seal/test_log_url.py",
    "tests/ledger/seal/test_public_tiles.py::test_a_server_without_a_token_hands_out_no_entry_and_no_word_of_one",
    "tests/ledger/seal/test_publishing.py",
    "tests/ledger/seal/test_rewritten_designations.py",
    "tests/ledger/seal/test_sealer.py::test_checkpoints_after_any_number_of_events_lead_to_sound_logs",
    "tests/ledger/seal/test_tile_mutations.py",
    "tests/ledger/seal/test_witness.py",
    "tests/ledger/store/test_copying.py",
    "tests/ledger/test_fold.py",
    "tests/ledger/vault/test_erasing_kills.py",
    "tests/ledger/writing/test_both_programmes.py::test_what_a_programme_makes_of_its_facts_does_not_depend_on_the_other",
    "tests/ledger/writing/test_caches.py::test_a_snapshot_taken_anywhere_and_gone_on_with_is_the_fold_of_all_events",
    "tests/oracle/survey/test_fold.py::test_the_published_tables_are_those_of_unicode_14",
    "tests/projections/questions/test_anniversaries.py",
    "tests/projections/questions/test_designations.py",
    "tests/projections/questions/test_expiring.py",
    "tests/projections/questions/test_explain.py",
    "tests/projections/questions/test_invitations_due.py",
    "tests/projections/questions/test_overview.py",
    "tests/projections/questions/test_rolling.py",
    "tests/projections/questions/test_score.py",
    "tests/projections/questions/test_score_months.py",
    "tests/projections/questions/test_upcoming.py",
    "tests/projections/questions/test_what_would_it_take.py",
    "tests/projections/results/test_attack.py",
    "tests/projections/results/test_tabulation.py",
    "tests/projections/what_if/",
    "tests/schemas/",
    "tests/simulation/",
    "tests/support/test_example_seed.py",
    "tests/support/test_histories.py",
)
"""What takes most of the time of all tests that need no server; `make quick` does without."""


LONGEST = (
    "tests/console/pages/test_matrix.py",
    "tests/simulation/test_team_shape.py",
    "tests/simulation/test_service_kills.py",
    "tests/simulation/test_planted_people.py",
    "tests/simulation/test_relay_faults.py",
    "tests/console/test_readme.py",
    "tests/ledger/monitor/test_honest_books.py",
    "tests/console/pages/test_screenshots.py",
    "tests/consumers/roles/test_relay.py",
    "tests/console/http/test_fact_stream.py",
    "tests/support/test_histories.py",
    "tests/projections/results/test_attack.py",
    "tests/client/http/test_real_changes.py",
    "tests/client/kafka/test_subscriber.py",
    "tests/consumers/roles/test_inbox.py",
)
"""Modules with tests of 15 seconds and more, in this order before all others: what a worker begins last, while the other
has nothing left, is short."""


IN_CI = os.environ.get("CI", "").lower() == "true"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With CI=true nothing may be missing: a test that is skipped has failed."""
    report = yield
    if IN_CI and report.skipped and item.get_closest_marker("elsewhere") is None:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and with CI=true nothing may be: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a whole module."""
    report = yield
    if IN_CI and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} was skipped, and with CI=true nothing may be: {report.longrepr}"
    return report


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What is slow as a whole is not even imported where it is not wanted."""
    inside = f"{collection_path.relative_to(config.rootpath).as_posix()}{'/' if collection_path.is_dir() else ''}"
    return True if "not slow" in config.option.markexpr and inside in SLOW else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what needs a server, by what it asks for or by its parameter where it asks late, and what takes long.

    What takes longest comes first, the rest in the order in which it was found: the same in each worker.
    """
    places = {module: place for place, module in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.nodeid.partition("::")[0], len(LONGEST)))
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if (
            fixtures & SERVER_FIXTURES
            or SERVER_NAMES & set(re.findall("[a-z]+", item.name))
            or (item.nodeid.startswith(SERVER_MODULES))
        ):
            item.add_marker("server")
        if item.nodeid.startswith(SLOW):
            item.add_marker("slow")
