"""Streams a CVAT file for video: its description, and the shapes of its tracks."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from .video import ConversionError

SHAPES = {'box', 'polygon', 'mask', 'ellipse'}
# Elements that mark something other than a region.
_NOT_REGIONS = {'points', 'polyline', 'cuboid', 'skeleton'}
_CHUNK = 2**16
_MAX_DEPTH = 64
_MAX_TEXT = 2**16


@dataclass
class CVATShape:
    """A shape in a frame.

    Attributes:
        kind: Name of the element: box, polygon, mask or ellipse.
        line: Where it starts in the file.
        attributes: The element's attributes.
    """

    kind: str
    line: int
    attributes: dict[str, str]


@dataclass
class CVATTrack:
    """A track.

    Attributes:
        label: Name of its category.
        line: Where it starts in the file.
        shapes: Its shapes.
    """

    label: str
    line: int
    shapes: list[CVATShape] = field(default_factory=list)


@dataclass
class CVATFile:
    """What a file holds.

    Attributes:
        meta: Texts of the description, by the path of their elements below ``meta`` and the task
            or job, such as ``original_size/width``; the first of several counts.
        tracks: The tracks.
    """

    meta: dict[str, str] = field(default_factory=dict)
    tracks: list[CVATTrack] = field(default_factory=list)


def read_cvat_xml(path: Path) -> CVATFile:
    """Read a file.

    Document type declarations are refused: they are of no use in these files, and entities that
    they define can grow without bound or name other files.

    Args:
        path: The XML file.

    Returns:
        Its content.

    Raises:
        ConversionError: If it is no XML, has a document type, is no CVAT file for video, or holds
            several tasks; the line is named.
    """
    handler = _Handler(path)
    try:
        with open(path, 'rb') as file:
            while chunk := file.read(_CHUNK):
                handler.parser.Parse(chunk, False)
            handler.parser.Parse(b'', True)
    except expat.ExpatError as error:
        raise ConversionError(
            f'{path}:{error.lineno}: not a readable XML file ({expat.errors.messages[error.code]})'
        ) from error
    except (ValueError, LookupError) as error:
        if isinstance(error, ConversionError):
            raise
        # An encoding that Python doesn't know, or that is none of text.
        raise ConversionError(f'{path}: not a readable XML file ({error})') from error
    except OSError as error:
        raise ConversionError(f'{path}: {error.strerror or error}') from error
    if not handler.tracks_seen and handler.images_seen:
        raise ConversionError(
            f'{path}: a CVAT file for images, whose objects are not connected between frames; '
            'export as "CVAT for video 1.1"'
        )
    return handler.result


class _Handler:
    """Collects what expat reports."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.result = CVATFile()
        self.tracks_seen = self.images_seen = False
        self._tasks: set[str | None] = set()
        self._stack: list[str] = []
        self._text: list[str] = []
        self._text_length = 0
        self._track: CVATTrack | None = None
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters

    def _error(self, message: str) -> ConversionError:
        return ConversionError(f'{self.path}:{self.parser.CurrentLineNumber}: {message}')

    def _several_tasks(self) -> ConversionError:
        # Each task of a project numbers its frames from 0, so their tracks would become one video.
        return self._error(
            'expected the export of one task, got that of a project; export each of its tasks on '
            'its own as "CVAT for video 1.1"'
        )

    def _doctype(self, *args: object) -> None:
        raise self._error('expected a file without a document type declaration')

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        line = self.parser.CurrentLineNumber
        if not self._stack and tag != 'annotations':
            raise self._error(f'expected a CVAT file <annotations>, got <{tag:.40}>')
        if len(self._stack) >= _MAX_DEPTH:
            raise self._error(f'elements nested more than {_MAX_DEPTH} deep')
        self._stack.append(tag)
        self._text, self._text_length = [], 0
        if self._stack == ['annotations', 'meta', 'project']:
            raise self._several_tasks()
        if self._stack in (['annotations', 'image'], ['annotations', 'track']):
            self._tasks.add(attributes.get('task_id'))
            if len(self._tasks) > 1:
                raise self._several_tasks()
        if self._stack == ['annotations', 'image']:
            self.images_seen = True
        elif self._stack == ['annotations', 'track']:
            if not attributes.get('label'):
                raise self._error('expected a <track> with a label')
            self.tracks_seen = True
            self._track = CVATTrack(attributes['label'], line)
            self.result.tracks.append(self._track)
        elif self._track is not None and len(self._stack) == 3:
            if tag in _NOT_REGIONS:
                raise self._error(
                    f'track {self._track.label!r:.40}: expected shapes with an area '
                    f'({", ".join(sorted(SHAPES))}), got <{tag}>'
                )
            if tag in SHAPES:
                self._track.shapes.append(CVATShape(tag, line, attributes))

    def _characters(self, text: str) -> None:
        self._text_length += len(text)
        if len(self._stack) > 1 and self._stack[1] == 'meta' and self._text_length < _MAX_TEXT:
            self._text.append(text)

    def _end(self, tag: str) -> None:
        if self._stack[:2] == ['annotations', 'meta'] and len(self._stack) > 3:
            key = '/'.join(self._stack[3:])
            self.result.meta.setdefault(key, ''.join(self._text).strip())
        self._text = []
        self._stack.pop()
        if tag == 'track' and len(self._stack) == 1:
            self._track = None
