"""Which tests start processes, are stress, take long, or are not traced: tables for conftest.py."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from types import ModuleType

# Who uses one of these starts processes.
_STARTERS = {"subprocess", "multiprocessing"} | {
    f"tests.support.{name}"
    for name in (
        "browsing",
        "buckets",
        "crowd",
        "dask",
        "dying",
        "processes",
        "programs",
        "servers",
        "serving",
    )
}

# Kills at any moment, floods, large matrices, what waits for a clock, and what measures Python
# itself, which coverage changes: whole files, and tests by the beginnings of their names.
STRESS_FILES = {
    "common/test_child_process_killed.py",
    "daemon/test_processes_fetch.py",
    "daemon/test_processes_hubs.py",
    "daemon/test_daemon_neighbours.py",
    "daemon/test_daemon_engine.py",
    "pipeline/test_fetch_killed.py",
    "pipeline/test_archives_killed.py",
    "pipeline/test_digests_killed.py",
    "pipeline/test_run_killed.py",
    "pipeline/test_run_disk.py",
    "pipeline/test_run_engine_killed.py",
    "pipeline/test_run_engine.py",
    "pipeline/test_run_random.py",
    "project/test_deploy_containers.py",
    "project/test_deploy_queries.py",
    "project/test_deploy_systemd.py",
    "project/test_tour.py",
    "publish/test_publisher_crash.py",
    "render/test_browser.py",
    "render/test_browser_groups.py",
    "render/test_browser_hostile.py",
    "render/test_browser_languages.py",
    "render/test_browser_pictures.py",
    "render/test_nu.py",
    "serve/test_browser.py",
    "serve/test_browser_pages.py",
    "serve/test_server_fuzz.py",
    "serve/test_readers.py",
    "serve/test_server_clients.py",
}
STRESS = (
    "test_bucket_that_fails_changes_nothing",
    "test_body_of_the_largest_size",
    "test_bucket_behind_nginx",
    "test_bodies_match",
    "test_bucket_that_forbids_workers",
    "test_cli_interrupted_from",
    "test_cli_starts_without_any_library",
    "test_cluster_of_which_parts_are_killed",
    "test_cluster_speaks_tls",
    "test_credentials_of_a_hub",
    "test_crontab_line",
    "test_daemon_abandons_a_pass",
    "test_daemon_follows_a_change_of_its_configuration",
    "test_daemon_follows_its_schedule",
    "test_daemon_keeps_the_old_configuration",
    "test_daemon_kills_a_pass_that_hangs",
    "test_daemon_makes_one_pass_of_all",
    "test_daemon_that_is_killed",
    "test_daemon_that_watches",
    "test_daemon_told_to_end_in_mid_pass",
    "test_daemon_with_server",
    "test_delta_client",
    "test_delta_is_a_valid_document",
    "test_documents_have_the_bytes_of_those_that_are_rendered_whole",
    "test_documents_in_parts_have_no_finding",
    "test_engine_and_buckets",
    "test_export_gives_the_same_bytes",
    "test_export_killed_while_it_asks_a_bucket",
    "test_export_that_is_stopped",
    "test_export_that_is_told_to_stop",
    "test_export_twice",
    "test_feeds_stand_in_parts_above",
    "test_health_turns_bad",
    "test_hub_that_has_moved_is",
    "test_library_works_in_the",
    "test_lists_and_pages_stay_small",
    "test_metrics_beside",
    "test_metrics_of_the_daemon",
    "test_claim_of_another_is_waited_for",
    "test_claim_that_cannot_be_renewed",
    "test_claim_that_is_renewed",
    "test_objects_of_a_publisher_that_is_killed",
    "test_objects_that_a_zombie_still_writes",
    "test_next_pass_repairs_what_a_killed_one",
    "test_objects_after_a_kill",
    "test_objects_of_a_bucket_that_fails_at_first",
    "test_pages_of_a_group_lead",
    "test_pass_without_libyaml",
    "test_push_waits_a_few_seconds",
    "test_runner_kills",
    "test_search_takes_time_linear",
    "test_secured_is_in_no_output",
    "test_server_ends_with_a_daemon",
    "test_signal_that_the_shell_has_ignored",
    "test_site_of_hostile_seeds",
    "test_source_distribution_passes_its_own_tests",
    "test_task_that_is_stopped",
    "test_task_whose_process_starts_slowly",
    "test_turns_are_of_addresses",
    "test_unit_starts_a_daemon",
    "test_workers_of_a_cluster_read",
)

# Matrices of kills beyond those, by the beginnings of names with their parameters.
LONG = (
    "test_cluster_of_which_parts_are_killed_does_all_work[worker]",
    "test_export_by_a_cluster_killed_at_any_moment_gives_the_same[worker",
    "test_daemon_killed_at_any_moment_leaves_all_whole[1]",
    *(f"test_export_killed_at_any_moment_leaves_all_whole[{shard}]" for shard in range(1, 8)),
    "test_one_changed_seed_of_20_000_feeds",
    "test_source_distribution_passes_its_own_tests[all",
    *(
        f"test_publication_killed_at_any_step_leaves_whole_files_and_is_repaired[{one}"
        for one in ("from", "manifest in parts-done", "manifest in parts-first", "to")
    ),
    *(f"test_a_walk_finds_each_item_once_whatever_happens[{shard}" for shard in range(3, 9)),
)

# Coverage doubles what a test costs, and these run hardly a branch that no other test runs, so they
# run without it: whole files, and tests by the beginnings of their names. Those of project/, too.
UNTRACED_FILES = {
    "cli/test_export.py",
    "common/test_lock.py",
    "common/test_task.py",
    "daemon/test_daemon.py",
    "images/test_cache.py",
    "images/test_metadata.py",
    "pipeline/test_archives.py",
    "pipeline/test_run_clock.py",
    "pipeline/test_output.py",
    "pipeline/test_rendering_processes.py",
    "pipeline/test_run_readers.py",
    "pipeline/test_rescan_held.py",
    "pipeline/test_state.py",
    "pipeline/test_state_images.py",
    "pipeline/test_state_output.py",
    "pipeline/test_state_selection.py",
    "publish/test_publisher_copies.py",
    "render/test_html.py",
    "render/test_overviews.py",
    "seeds/test_fields.py",
    "seeds/test_read_many.py",
    "render/test_content_shown.py",
    "select/test_thresholds.py",
    "serve/test_responses_http.py",
    "serve/test_query_images.py",
    "serve/test_publication_delta_http.py",
    "serve/test_application_turns_http.py",
}
UNTRACED = (
    "test_body_nested_deeper_than_the_stack_is_no_crash",
    "test_body_of_one_sign_over_and_over_ends_soon",
    "test_catalogue_is_cleared_by_files_that_come_or_go",
    "test_claim_stands_in_the_manifest_until_it_is_released",
    "test_cli_does_its_work_with_a_stream_that_is_closed",
    "test_cli_exports_on_a_terminal_with_a_bar_that_goes_away",
    "test_cli_is_quiet_when_the_reader_of_its_output_has_gone",
    "test_cli_json_stands_alone_on_standard_output",
    "test_cli_lists_on_a_terminal_with_nothing_cut_off",
    "test_cluster_forgets_the_work_of_a_client_that_has_gone",
    "test_cluster_waits_for_workers_that_come_late",
    "test_commands_refuse_a_foreign_state_with_exit_code_2",
    "test_completion_of_a_faulty_site_is_quiet",
    "test_completion_offers_what_can_be_typed",
    "test_help_of_a_command_imports_neither_configuration_nor_store",
    "test_help_of_a_command_imports_none_of_the_libraries_that_do_its_work",
    "test_hooks_failure_has_its_reason_and_the_next_is_run",
    "test_init_makes_a_site_that_works_at_once",
    "test_load_ends_soon_on_80_kilobytes_of_one_sign",
    "test_log_has_no_more_of_addresses_than_it_may",
    "test_repair_takes_time_in_proportion",
    "test_spread_outlives_the_death_of_idle_processes_and_of_the_server",
    # Seeds and histories drawn by chance: the first shard runs what the others do.
    *(f"test_digests_of_any_history_are_those_of_the_model[{shard}]" for shard in range(1, 4)),
    *(f"test_usual_seeds_are_read_as_the_judge_reads_them[{shard}]" for shard in range(1, 4)),
)


def marks_of(file: str, name: str, module: ModuleType | None) -> list[str]:
    """Returns the names of the marks of a test; `file` is seen from tests/."""
    marks = []
    if module is not None and starts_processes(module):
        marks.append("process")
    if name.startswith(LONG):
        marks.append("long")
    elif file in STRESS_FILES or name.startswith(STRESS):
        marks.append("stress")
    if file.startswith("project/") or file in UNTRACED_FILES or name.startswith(UNTRACED):
        marks.append("untraced")
    return marks


def may_hold_stress(path: Path, file: str) -> bool:
    """Tells whether a file of tests may hold one that is stress."""
    text = path.read_text(encoding="utf-8")
    return file in STRESS_FILES or any(f"def {start.partition('[')[0]}" in text for start in STRESS)


@cache
def starts_processes(module: ModuleType) -> bool:
    """Tells whether the tests of a module may start processes."""
    used = {
        value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
        for value in vars(module).values()
    }
    return not used.isdisjoint(_STARTERS)
