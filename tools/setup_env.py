"""Make the virtual environment: `make setup`, or `python tools/setup_env.py --help`.

Standard library only. Checks what usually goes wrong and names the remedy, keeps a torch and a full
mmcv that are already there, and can be started again after an interruption: a run that finds
everything done takes a fraction of a second.
"""

from __future__ import annotations

import argparse
import ctypes.util
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / 'constraints' / 'py311.txt'
TESTED_PYTHON = (3, 11)
CPU_INDEX = 'https://download.pytorch.org/whl/cpu'
# Room in GiB for an installation, downloads and unpacked copies included: measured for the CPU,
# estimated from the sizes of the wheels for CUDA.
DISK_GIB = {'cpu': 3.0, 'cuda': 12.0}
STAMP = 'mmtmt-setup.json'
KEPT = ('torch', 'torchvision', 'mmcv', 'mmcv-lite', 'opencv-python', 'opencv-python-headless')

PROBE = """
import importlib.metadata as metadata, importlib.util, json, re, sys
found = {}
for dist in metadata.distributions():
    if dist.metadata['Name']:
        name = re.sub(r'[-_.]+', '-', dist.metadata['Name']).lower()
        found.setdefault(name, dist.version)
print(json.dumps(dict(found=found, mmcv=importlib.util.find_spec('mmcv') is not None)))
"""


class SetupError(Exception):
    """Something the user has to mend; the message ends with the remedy."""


def check_python() -> None:
    """Refuse a Python that cannot run the package, mention one that was not tested."""
    here, tested = sys.version_info[:2], '{}.{}'.format(*TESTED_PYTHON)
    if here < TESTED_PYTHON:
        raise SetupError(
            f'Python {tested} or later is needed, {sys.executable} is {platform.python_version()}. '
            f'Remedy: install Python {tested} and run `make setup PYTHON=python{tested}`'
        )
    if here > TESTED_PYTHON:
        say(f'Python {platform.python_version()} is newer than the tested {tested}; going on')


def check_venv_module() -> None:
    """Debian and Ubuntu split the venv module off Python."""
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError as error:
        package = 'python{}.{}-venv'.format(*sys.version_info[:2])
        raise SetupError(
            f'this Python cannot make virtual environments ({error}). '
            f'Remedy: `sudo apt install {package}`, or use a Python from python.org or conda'
        ) from error


def check_disk(folder: Path, torch_build: str) -> None:
    """Compare the free space with what an installation was measured to take.

    Args:
        folder: Where the environment will lie; the nearest existing parent is looked at.
        torch_build: 'cpu' or 'cuda'.
    """
    while not folder.exists():
        folder = folder.parent
    free, need = shutil.disk_usage(folder).free / 2**30, DISK_GIB[torch_build]
    if free < need:
        raise SetupError(
            f'{free:.1f} GiB are free in {folder}, the {torch_build} build needs {need:.0f}. '
            'Remedy: free some space, or `make setup VENV=/some/larger/disk/venv`'
        )


def check_open_cv(python: Path, found: dict) -> None:
    """Make sure that cv2 loads; opencv-python needs libGL, which servers often lack.

    Args:
        python: Interpreter of the environment.
        found: Distribution name -> version.
    """
    result = subprocess.run([python, '-c', 'import cv2'], capture_output=True, text=True)
    if result.returncode == 0:
        return
    reason = (result.stderr.strip().splitlines() or [f'exit status {result.returncode}'])[-1]
    if 'libGL' in reason or ctypes.util.find_library('GL') is None:
        raise SetupError(
            f'OpenCV does not load: {reason}. Remedy: `{python} -m pip uninstall -y opencv-python` '
            'and `make setup` again (takes opencv-python-headless), or `sudo apt install libgl1`'
        )
    raise SetupError(f'OpenCV {found.get("opencv-python")} does not load: {reason}')


def choose_torch(wish: str) -> str:
    """Turn 'auto' into 'cpu' or 'cuda' by whether an NVIDIA driver is loaded.

    Args:
        wish: 'auto', 'cpu' or 'cuda'.

    Returns:
        'cpu' or 'cuda'.
    """
    if wish != 'auto':
        return wish
    driver = Path('/proc/driver/nvidia/version').exists() or shutil.which('nvidia-smi')
    return 'cuda' if driver else 'cpu'


def make_venv(folder: Path, system_site: bool) -> Path:
    """Create the environment or mend one that an interruption left behind.

    Args:
        folder: The environment's folder.
        system_site: Whether it sees the packages of the Python that makes it.

    Returns:
        Path of its interpreter.
    """
    python = folder / 'bin' / 'python'
    if not works([python, '-c', '']):
        if folder.exists() and any(folder.iterdir()) and not (folder / 'pyvenv.cfg').exists():
            raise SetupError(
                f'{folder} exists and is no virtual environment. Remedy: choose another: VENV=…'
            )
        say(f'making {folder}')
        options = ['--system-site-packages'] if system_site else []
        run([sys.executable, '-m', 'venv', *options, '--clear', folder])
    elif not works([python, '-m', 'pip', '--version']):
        run([python, '-m', 'ensurepip', '--upgrade'])
    for leftover in unfinished_installs(folder):
        say(f'removing {leftover.name}, left behind by an interrupted installation')
        shutil.rmtree(leftover, ignore_errors=True)
    return python


def unfinished_installs(folder: Path) -> list[Path]:
    """Find what pip leaves behind when it is killed: it writes RECORD last, and renames to ``~…``.

    Args:
        folder: The environment's folder.

    Returns:
        Folders to delete.
    """
    found = []
    for site in (folder / 'lib').glob('python*/site-packages'):
        found += [p for p in site.glob('*.dist-info') if not (p / 'RECORD').exists()]
        found += [p for p in site.glob('~*') if p.is_dir()]
    return found


def probe(python: Path) -> dict:
    """List the distributions that an interpreter sees.

    Args:
        python: The interpreter.

    Returns:
        ``found``: name -> version; ``mmcv``: whether ``import mmcv`` finds something.
    """
    command = [python, '-c', PROBE]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def read_pins() -> dict[str, str]:
    """Read the tested set: distribution name -> version."""
    lines = (line.split('#')[0].strip() for line in CONSTRAINTS.read_text().splitlines())
    return dict(line.split('==') for line in lines if line)


def choose_pins(found: dict[str, str], foreign: bool) -> dict[str, str]:
    """Decide on the versions to ask pip for.

    A torch, torchvision, mmcv or OpenCV that is there stays as it is. Beside foreign packages only
    what is new is pinned, because the rest was built for each other.

    Args:
        found: What the environment holds already, name -> version.
        foreign: Whether the environment holds packages that this script didn't put there.

    Returns:
        Name -> version.
    """
    pins = read_pins()
    if foreign:
        pins = {name: version for name, version in pins.items() if name not in found}
    if 'torch' in found and 'torchvision' not in found:
        pins.pop('torchvision', None)  # pip takes the one that was built for this torch
    pins.update({name: found[name] for name in KEPT if name in found})
    return pins


def write_open_cv_alias(folder: Path, version: str) -> str:
    """Write a wheel without code that says: opencv-python is provided by opencv-python-headless.

    mmengine and mmcv ask for the distribution opencv-python, whose cv2 needs libGL. The headless
    one brings the same cv2 without it; pip knows no "provides", so an empty distribution of that
    name that depends on the headless one keeps `pip check` and every later `pip install` content.

    Args:
        folder: Where to write it.
        version: Version of opencv-python-headless.

    Returns:
        The version that the wheel carries.
    """
    version_here, info = f'{version}+headless', f'opencv_python-{version}+headless.dist-info'
    files = {
        f'{info}/METADATA': (
            f'Metadata-Version: 2.1\nName: opencv-python\nVersion: {version_here}\n'
            'Summary: Stands for opencv-python where opencv-python-headless is installed\n'
            f'Requires-Dist: opencv-python-headless=={version}\n'
        ),
        f'{info}/WHEEL': (
            'Wheel-Version: 1.0\nGenerator: mmtmt\nRoot-Is-Purelib: true\nTag: py3-none-any\n'
        ),
    }
    record = ''.join(f'{name},,\n' for name in (*files, f'{info}/RECORD'))
    path = folder / f'opencv_python-{version_here}-py3-none-any.whl'
    with zipfile.ZipFile(path, 'w') as wheel:
        for name, text in {**files, f'{info}/RECORD': record}.items():
            wheel.writestr(name, text)
    return version_here


def install(python: Path, torch_build: str, extras: list[str], foreign: bool) -> None:
    """Install the package in editable mode with everything it needs.

    Args:
        python: Interpreter of the environment.
        torch_build: 'cpu' or 'cuda'.
        extras: Extras to install; the mmcv one is chosen here.
        foreign: Whether the environment holds packages that this script didn't put there.
    """
    state = probe(python)
    found = state['found']
    kept = [f'{name} {found[name]}' for name in KEPT if name in found]
    if kept:
        say('keeping ' + ', '.join(kept))
    pins = choose_pins(found, foreign)
    if not state['mmcv']:
        extras = [*extras, 'lite']
    pip = [python, '-m', 'pip', 'install', '--disable-pip-version-check']
    index = []
    if 'torch' not in found and torch_build == 'cpu' and platform.system() == 'Linux':
        index = cpu_index()
    with tempfile.TemporaryDirectory() as folder:
        if 'opencv-python' not in found:
            version = found.get('opencv-python-headless') or pins['opencv-python-headless']
            alias = write_open_cv_alias(Path(folder), version)
            run([*pip, '-q', '--no-deps', '--no-index', '--find-links', folder,
                 f'opencv-python=={alias}'])  # fmt: skip
            pins['opencv-python'] = alias
        pinned = Path(folder) / 'constraints.txt'
        pinned.write_text(''.join(f'{name}=={version}\n' for name, version in pins.items()))
        target = f'{ROOT}[{",".join(extras)}]'
        run([*pip, '--progress-bar', 'on', *index, '-c', pinned, '-e', target])


def cpu_index() -> list[str]:
    """Options that make pip see PyTorch's CPU builds; none where that server is out of reach."""
    try:
        urllib.request.urlopen(f'{CPU_INDEX}/torch/', timeout=10).close()
    except OSError as error:
        say(f"{CPU_INDEX} cannot be reached ({error}); torch comes from pip's configured indexes")
        return []
    return ['--extra-index-url', CPU_INDEX]


def verify(python: Path) -> None:
    """Import what everything else stands on, and let pip check the versions.

    Args:
        python: Interpreter of the environment.
    """
    check_open_cv(python, probe(python)['found'])
    run([python, '-W', 'ignore', '-c', 'import mmtmt.registry, mmdet.models, av, pycocotools.mask'])
    if not works([python, '-m', 'pip', 'check']):
        listing = subprocess.run([python, '-m', 'pip', 'check'], capture_output=True, text=True)
        say(f'note: `pip check` reports\n{listing.stdout.strip()}')


def fingerprint(options: dict) -> str:
    """Hash of everything that decides what an installation contains.

    Args:
        options: Plain-data options of this run.

    Returns:
        The hash.
    """
    digest = hashlib.sha256(json.dumps([options, str(ROOT), sys.version], sort_keys=True).encode())
    for path in (CONSTRAINTS, ROOT / 'setup.cfg', ROOT / 'setup.py', Path(__file__)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def works(command: list) -> bool:
    """Whether a command exists and ends with 0, its output hidden."""
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        return False


def run(command: list) -> None:
    """Run a command with its output shown, and stop when it fails."""
    result = subprocess.run([str(part) for part in command])
    if result.returncode:
        raise SetupError(
            f'`{" ".join(str(part) for part in command[:5])} …` ended with {result.returncode}. '
            'Remedy: see its output above; running `make setup` again resumes'
        )


def say(text: str) -> None:
    """Print a line at once."""
    print(f'[setup] {text}', flush=True)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--venv', type=Path, default=ROOT / '.venv', help='folder to make or use')
    parser.add_argument(
        '--torch', choices=['auto', 'cpu', 'cuda'], default='auto',
        help='build of torch to download when none is there (auto: by the NVIDIA driver)',
    )  # fmt: skip
    parser.add_argument('--extras', default='dev', help='extras to install, comma separated')
    parser.add_argument(
        '--isolated', action='store_true',
        help="don't build on the torch of the Python that runs this script",
    )  # fmt: skip
    return parser.parse_args()


def read_stamp(path: Path) -> dict:
    """What the last set-up left; nothing where it was cut off.

    Args:
        path: The file.

    Returns:
        Its content.
    """
    try:
        state = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def main() -> int:
    """Set up the environment; returns the exit status."""
    args, start = parse_args(), time.time()
    folder = Path(os.path.abspath(args.venv))
    try:
        check_python()
        torch_build = choose_torch(args.torch)
        wanted = fingerprint({'torch': args.torch, 'extras': args.extras})
        stamp = folder / STAMP
        state = read_stamp(stamp)
        if state.get('fingerprint') == wanted and works([folder / 'bin' / 'python', '-c', '']):
            return 0
        check_venv_module()
        base = {} if args.isolated else probe(Path(sys.executable))['found']
        shared = 'torch' in base and sys.prefix == sys.base_prefix
        if shared and not folder.exists():
            say(f'building on torch {base["torch"]} of {sys.executable} (not with --isolated)')
        started = (folder / f'{STAMP}.started').exists()
        own = not folder.exists() or started or state.get('own', False)
        if own:
            check_disk(folder, torch_build)
        python = make_venv(folder, shared)
        if own:
            (folder / f'{STAMP}.started').touch()
        install(python, torch_build, args.extras.split(','), foreign=shared or not own)
        verify(python)
        stamp.write_text(json.dumps({'fingerprint': wanted, 'own': own}))
    except SetupError as error:
        print(f'[setup] error: {error}', file=sys.stderr)
        return 1
    say(f'ready in {time.time() - start:.0f} s: {folder}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
