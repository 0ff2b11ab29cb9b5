"""Output: whether it can be written, and that it appears only when it is complete."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any


def is_new(path: Path, overwrite: bool) -> None:
    """Make sure that nothing is overwritten unasked.

    Args:
        path: A file or folder to be written.
        overwrite: Whether it may exist.

    Raises:
        FileExistsError: If it is there and must not be replaced.
    """
    if path.exists() and not overwrite and not (path.is_dir() and not any(path.iterdir())):
        raise FileExistsError(f'{path}: exists; --overwrite replaces it')


def check_writable(*files: Path, inputs: Iterable[str | Path] = ()) -> None:
    """Makes sure that files can be written, before hours are spent on what goes into them.

    Args:
        *files: The files; folders that they need are made.
        inputs: Files that are read, and must not be written over.

    Raises:
        OSError: If one can't, is an input, or stands there twice.
    """
    read = [path for path in inputs if os.path.exists(path)]
    for number, file in enumerate(files):
        if os.path.realpath(file) in map(os.path.realpath, files[:number]):
            raise FileExistsError(f'{file} would be written twice')
        if file.exists() and any(file.samefile(path) for path in read):
            raise FileExistsError(f'{file} is an input, which would be lost')
        if file.is_dir():
            raise IsADirectoryError(f'{file} is a folder, expected a file to write')
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.exists() and not os.access(file, os.W_OK):
            raise PermissionError(f'{file} can not be written')
        with tempfile.TemporaryFile(dir=file.parent):
            pass


def printable(text: str) -> str:
    """A name on one line, without control characters.

    Args:
        text: Any.

    Returns:
        The text with escapes in their place.
    """
    return ''.join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def _check_replaceable(folder: Path, made: re.Pattern[str]) -> None:
    for path in sorted(folder.rglob('*')):
        name = path.relative_to(folder).as_posix()
        if not path.is_dir() and not made.fullmatch(name):
            raise FileExistsError(
                f'{folder}: holds {name}, which is no such output and would be lost; '
                'move it elsewhere, or choose another name'
            )


class Unfinished:
    """A file or folder that is written under another name until it is complete.

    Args:
        path: The final name.
        overwrite: Whether what is there may be replaced.
        made: Of a folder, a regular expression for the paths in it that such an output has. One
            that holds other files isn't replaced, since they would be lost.

    Raises:
        FileExistsError: If it is there and must not be replaced.
    """

    def __init__(
        self, path: str | Path, *, overwrite: bool = False, made: str | None = None
    ) -> None:
        self.path = Path(path)
        is_new(self.path, overwrite)
        if made is not None and self.path.is_dir():
            _check_replaceable(self.path, re.compile(made))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.temporary = self.path.with_name(f'.{self.path.name}.{os.getpid()}')

    def open(self) -> IO[str]:
        """Open it as a text file for writing, compressed if its name ends with .gz.

        Returns:
            The open file.

        Raises:
            IsADirectoryError: If a folder has its name, which is not a file's to replace.
        """
        if self.path.is_dir():
            raise IsADirectoryError(f'{self.path}: is a folder, expected the name of a file')
        if self.path.suffix == '.gz':
            return gzip.open(self.temporary, 'wt', encoding='utf-8')
        return open(self.temporary, 'w', encoding='utf-8')

    def finish(self) -> None:
        """Give it its name."""
        if self.path.is_dir() and self.temporary.is_dir():
            shutil.rmtree(self.path)
        os.replace(self.temporary, self.path)

    def discard(self) -> None:
        """Remove it."""
        if self.temporary.is_dir():
            shutil.rmtree(self.temporary)
        self.temporary.unlink(missing_ok=True)


class JsonParts:
    """A json object written piece by piece: a long list first, then what is known at the end.

    Args:
        path: The file.
        key: Name of the list; None for an object without.
        overwrite: Whether a file that is there may be replaced.
    """

    def __init__(self, path: str | Path, key: str | None, *, overwrite: bool = False) -> None:
        self._unfinished = Unfinished(path, overwrite=overwrite)
        self._file = self._unfinished.open()
        self._has_list = key is not None
        self._file.write(f'{{{json.dumps(key)}:[' if self._has_list else '{')
        self._empty = True

    def append(self, entry: Any) -> None:
        """Add an entry to the list.

        Args:
            entry: Anything that json can say.
        """
        self._file.write(('' if self._empty else ',\n') + _dump(entry))
        self._empty = False

    def finish(self, **rest: Any) -> None:
        """Close the list and the file.

        Args:
            **rest: The object's other entries.
        """
        entries = [']'] if self._has_list else []
        entries += [f'{json.dumps(key)}:{_dump(value)}' for key, value in rest.items()]
        self._file.write(',\n'.join(entries) + '}\n')
        self._file.close()
        self._unfinished.finish()

    def discard(self) -> None:
        """Remove the file."""
        self._file.close()
        self._unfinished.discard()


def _dump(value: Any) -> str:
    return json.dumps(value, separators=(',', ':'))
