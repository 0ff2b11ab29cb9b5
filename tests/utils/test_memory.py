import platform
import subprocess
import sys

import pytest

CODE = """
import resource, sys
from mmtmt.utils.memory import keep_freed_memory
import numpy as np
took = keep_freed_memory() if sys.argv[1] == 'keep' else None
for _ in range(20):
    np.ones(8_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    np.ones(8_000_000)
print(took, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(mode):
    done = subprocess.run(
        [sys.executable, '-c', CODE, mode], capture_output=True, text=True, check=True
    )
    took, faults = done.stdout.split()
    return took, int(faults)


@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='a setting of glibc')
def test_freed_memory_is_used_again_without_asking_the_system():
    took, kept = page_faults('keep')
    assert took == 'True'
    assert kept < 100
    assert page_faults('default')[1] > 20 * max(kept, 10)


def test_other_c_libraries_are_left_alone(monkeypatch):
    from mmtmt.utils import memory

    monkeypatch.setattr(memory.platform, 'libc_ver', lambda: ('', ''))
    assert memory.keep_freed_memory() is False
