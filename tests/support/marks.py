"""Which tests start processes, are stress, or take long: tables that conftest.py makes marks of."""

from __future__ import annotations

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
    "common/test_children_killed.py",
    "daemon/test_fetch_process.py",
    "daemon/test_hub_process.py",
    "daemon/test_neighbours.py",
    "daemon/test_engine.py",
    "images/test_crash.py",
    "pipeline/test_archives_killed.py",
    "pipeline/test_digests_killed.py",
    "pipeline/test_crash.py",
    "pipeline/test_disk.py",
    "pipeline/test_engine_killed.py",
    "pipeline/test_engine.py",
    "pipeline/test_random.py",
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
    "serve/test_fuzz.py",
    "serve/test_readers.py",
    "serve/test_robust.py",
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
    "test_publication_killed_at_any_step_leaves_whole_files_and_is_repaired[from",
    "test_publication_killed_at_any_step_leaves_whole_files_and_is_repaired[to",
    "test_source_distribution_passes_its_own_tests[all",
    *(f"test_a_walk_finds_each_item_once_whatever_happens[{shard}" for shard in range(3, 9)),
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
    return marks


def starts_processes(module: ModuleType) -> bool:
    """Tells whether the tests of a module may start processes."""
    used = {
        value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
        for value in vars(module).values()
    }
    return not used.isdisjoint(_STARTERS)
