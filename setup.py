"""Build step that setup.cfg cannot express: configs and tools travel inside the package.

mmengine resolves ``mmtmt::folder/config.py`` below ``mmtmt/.mim``, where OpenMIM looks for the
tools too. A wheel gets copies there, an editable install links to the real folders.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent


class BuildWithConfigs(build_py):
    """``build_py`` that fills ``mmtmt/.mim``."""

    def run(self) -> None:
        super().run()
        base = ROOT if self.editable_mode else Path(self.build_lib)
        self._fill(base / 'mmtmt' / '.mim')

    def get_outputs(self, include_bytecode: bool = True) -> list:
        outputs = super().get_outputs(include_bytecode)
        if not self.editable_mode:
            mim = Path(self.build_lib) / 'mmtmt' / '.mim'
            outputs += [str(path) for path in mim.rglob('*') if path.is_file()]
        return outputs

    def _fill(self, mim: Path) -> None:
        mim.mkdir(parents=True, exist_ok=True)
        for name in ('configs', 'tools'):
            self._place(name, mim / name)
        metafiles = sorted((ROOT / 'configs').glob('*/metafile.yml'))
        names = [f'"{path.relative_to(ROOT).as_posix()}"' for path in metafiles]
        (mim / 'model-index.yml').write_text(f'Import: [{", ".join(names)}]\n')

    def _place(self, name: str, target: Path) -> None:
        if target.is_symlink() or target.is_file():
            target.unlink()
        elif target.is_dir():
            shutil.rmtree(target)
        if self.editable_mode:
            target.symlink_to(Path('..') / '..' / name, target_is_directory=True)
        else:
            ignore = shutil.ignore_patterns('__pycache__', '*.pyc')
            shutil.copytree(ROOT / name, target, ignore=ignore)


setup(cmdclass={'build_py': BuildWithConfigs})
