"""env.py may set up logging; the application's own is as before, also with several at once."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

from fastapi_tenancy.history.capture import run_env
from fastapi_tenancy.history.scripts import History
from project import Project, tenants

LOGGING = """
[loggers]
keys = root
[handlers]
keys = console
[formatters]
keys =
[logger_root]
level = WARNING
handlers = console
[handler_console]
class = StreamHandler
args = (sys.stderr,)
"""


def test_overlapping_runs_leave_logging_as_it_was(project: Project) -> None:
    project.ini.write_text(project.ini.read_text() + LOGGING)
    project.environment(
        top="import logging.config, time\nlogging.config.fileConfig(context.config.config_file_name)"
    )
    project.revision("r1", None)
    target = project.isolation().target(tenants(["a1"])[0])
    mine = [logging.getLogger(f"shop.part{n}") for n in range(20)]
    root = logging.getLogger()
    before = root.handlers[:], root.level, [x.disabled for x in mine]

    def many(_: int) -> None:
        history = History(project.ini)
        for _ in range(15):
            run_env(history, target, ())

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(many, range(3)))

    assert (root.handlers, root.level, [x.disabled for x in mine]) == before


def test_a_logger_made_meanwhile_is_not_left_disabled(project: Project) -> None:
    project.ini.write_text(project.ini.read_text() + LOGGING)
    project.environment(
        top="import logging.config\nlogging.getLogger('shop.late')\n"
        "logging.config.fileConfig(context.config.config_file_name)"
    )
    project.revision("r1", None)
    project.run(["a1"]).require_success()
    assert not logging.getLogger("shop.late").disabled
