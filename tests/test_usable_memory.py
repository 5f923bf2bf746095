from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from napari_unet.usable_memory import available_memory, total_memory

MIB = 2**20


def write(root: Path, path: str, text: object) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(f"{text}\n")


def unified(root: Path, group: str, limit: object, used: int, cache: int = 0) -> None:
    folder = f"sys/fs/cgroup/{group}".rstrip("/")
    write(root, f"{folder}/memory.max", limit)
    write(root, f"{folder}/memory.current", used)
    write(
        root,
        f"{folder}/memory.stat",
        f"anon 5\nactive_file {cache // 2}\ninactive_file {cache - cache // 2}\nnonsense\nx y",
    )


def older(root: Path, group: str, limit: object, used: int, cache: int = 0) -> None:
    folder = f"sys/fs/cgroup/memory/{group}".rstrip("/")
    write(root, f"{folder}/memory.limit_in_bytes", limit)
    write(root, f"{folder}/memory.usage_in_bytes", used)
    write(
        root,
        f"{folder}/memory.stat",
        f"inactive_file 1\ntotal_inactive_file {cache}\ntotal_active_file 0",
    )


def test_without_groups_it_is_what_the_machine_has(tmp_path: Path) -> None:
    assert total_memory(tmp_path) == psutil.virtual_memory().total
    assert 0 < available_memory(tmp_path) <= psutil.virtual_memory().total


def test_the_limit_of_a_job_counts_and_what_files_take_gives_way(tmp_path: Path) -> None:
    write(tmp_path, "proc/self/cgroup", "0::/slurm/job_7")
    unified(tmp_path, "slurm/job_7", 100 * MIB, 60 * MIB, cache=20 * MIB)
    unified(tmp_path, "slurm", "max", 900 * MIB)
    assert total_memory(tmp_path) == 100 * MIB
    assert available_memory(tmp_path) == 60 * MIB


def test_the_narrowest_group_above_counts(tmp_path: Path) -> None:
    write(tmp_path, "proc/self/cgroup", "0::/pod/container")
    unified(tmp_path, "pod/container", 100 * MIB, 10 * MIB)
    unified(tmp_path, "pod", 120 * MIB, 119 * MIB)
    assert total_memory(tmp_path) == 100 * MIB
    assert available_memory(tmp_path) == MIB


def test_a_container_sees_its_group_as_the_top(tmp_path: Path) -> None:
    write(tmp_path, "proc/self/cgroup", "9:name=systemd:/\n4:cpu,memory:/docker/abc\n0::/")
    older(tmp_path, "", 80 * MIB, 30 * MIB, cache=10 * MIB)
    assert total_memory(tmp_path) == 80 * MIB
    assert available_memory(tmp_path) == 60 * MIB


def test_more_in_use_than_allowed_leaves_nothing(tmp_path: Path) -> None:
    write(tmp_path, "proc/self/cgroup", "0::/")
    unified(tmp_path, "", 10 * MIB, 11 * MIB)
    assert available_memory(tmp_path) == 0


@pytest.mark.parametrize("limit", ["max", "", "-1", "9223372036854771712"])
def test_no_limit_is_none(tmp_path: Path, limit: str) -> None:
    write(tmp_path, "proc/self/cgroup", "4:memory:/\n0::/")
    unified(tmp_path, "", limit, 5)
    older(tmp_path, "", limit, 5)
    assert total_memory(tmp_path) == psutil.virtual_memory().total


def test_damaged_files_are_passed_over(tmp_path: Path) -> None:
    write(tmp_path, "proc/self/cgroup", "nonsense\n0::/../../etc\n::::")
    assert total_memory(tmp_path) == psutil.virtual_memory().total
