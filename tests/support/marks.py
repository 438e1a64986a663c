"""Which tests start processes, are stress, or take long: tables that conftest.py makes marks of."""

from __future__ import annotations

from types import ModuleType

# Who uses one of these starts processes.
_STARTERS = {"subprocess", "multiprocessing"} | {
    f"tests.support.{name}"
    for name in ("browsing", "crowd", "dying", "processes", "programs", "servers", "serving")
}

# Kills at any moment, floods, large matrices, and what waits for a clock: by file, the beginnings
# of the tests' names; all of the file where there are none.
STRESS: dict[str, tuple[str, ...]] = {
    "cli/test_export_hubs.py": ("test_push_waits_a_few_seconds",),
    "cli/test_main.py": ("test_cli_interrupted_from_the_keyboard",),
    "cli/test_serve.py": ("test_daemon_with_server", "test_server_ends_with_a_daemon"),
    "cli/test_signals.py": (
        "test_export_that_is_told_to_stop",
        "test_signal_that_the_shell_has_ignored",
    ),
    "common/test_children_killed.py": (),
    "common/test_task.py": ("test_task_whose_process_starts_slowly", "test_task_that_is_stopped"),
    "daemon/test_daemon.py": (
        "test_daemon_abandons_a_pass",
        "test_daemon_follows_its_schedule",
        "test_daemon_kills_a_pass_that_hangs",
        "test_daemon_makes_one_pass_of_all",
        "test_daemon_that_is_killed",
        "test_daemon_told_to_end_in_mid_pass",
    ),
    "daemon/test_fetch_process.py": (),
    "daemon/test_hub_process.py": (),
    "daemon/test_neighbours.py": (),
    "daemon/test_pass_process.py": ("test_runner_kills",),
    "daemon/test_reload.py": (
        "test_daemon_follows_a_change_of_its_configuration",
        "test_daemon_keeps_the_old_configuration",
        "test_daemon_that_watches",
    ),
    "images/test_crash.py": (),
    "pipeline/test_crash.py": (),
    "pipeline/test_disk.py": (),
    "pipeline/test_random.py": (),
    "pipeline/test_rescan_ahead.py": ("test_export_that_is_stopped",),
    "project/test_deploy.py": ("test_unit_starts_a_daemon", "test_crontab_line"),
    "project/test_deploy_containers.py": (),
    "project/test_deploy_queries.py": (),
    "project/test_tour.py": (),
    "publish/test_delivery_moved.py": ("test_credentials_of_a_hub", "test_hub_that_has_moved_is"),
    "publish/test_publisher_crash.py": (),
    "render/test_browser.py": (),
    "render/test_browser_hostile.py": (),
    "render/test_determinism.py": ("test_export_gives_the_same_bytes",),
    "render/test_nu.py": (),
    "render/test_validator.py": ("test_site_of_hostile_seeds",),
    "seeds/test_secured.py": ("test_secured_is_in_no_output",),
    "serve/test_browser.py": (),
    "serve/test_browser_pages.py": (),
    "serve/test_delta.py": ("test_delta_client", "test_delta_is_a_valid_document"),
    "serve/test_fuzz.py": (),
    "serve/test_health.py": ("test_health_turns_bad",),
    "serve/test_live.py": ("test_bodies_match",),
    "serve/test_metrics.py": ("test_metrics_of_the_daemon", "test_metrics_beside"),
    "serve/test_readers.py": (),
    "serve/test_robust.py": (),
    "serve/test_turns.py": ("test_turns_are_of_addresses",),
}

# Matrices of kills beyond those: as above, but with the parameters.
LONG: dict[str, tuple[str, ...]] = {
    "pipeline/test_crash.py": (
        "test_export_killed_at_any_moment_leaves_all_whole[2]",
        "test_export_killed_at_any_moment_leaves_all_whole[3]",
    ),
}


def marks_of(file: str, name: str, module: ModuleType | None) -> list[str]:
    """Returns the names of the marks of a test; `file` is seen from tests/."""
    marks = []
    if module is not None and starts_processes(module):
        marks.append("process")
    if name.startswith(LONG.get(file, "?")):
        marks.append("long")
    elif name.startswith(STRESS.get(file, "?") or ""):
        marks.append("stress")
    return marks


def starts_processes(module: ModuleType) -> bool:
    """Tells whether the tests of a module may start processes."""
    used = {
        value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
        for value in vars(module).values()
    }
    return not used.isdisjoint(_STARTERS)
