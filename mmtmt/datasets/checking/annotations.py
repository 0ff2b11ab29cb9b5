"""Checks of a dataset's annotations: references, masks, boxes and areas."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from pycocotools import mask as mask_api

from mmtmt.structures.rle import MAX_PIXELS, check_counts, compress

from .problems import Report
from .videos import Size

# What boxes and areas may differ by: rounding, and boxes that count pixels or their distance.
BOX_TOLERANCE = 1.5
AREA_TOLERANCE = 0.02
_LISTS = ('bboxes', 'areas')


def mask_sizes(annotations: Any) -> dict[int, Counter[Size]]:
    """How often the masks of a video have which size.

    Args:
        annotations: What stands under ``annotations``.

    Returns:
        Counts by video id, of RLEs; polygons tell no size.
    """
    sizes: dict[int, Counter[Size]] = defaultdict(Counter)
    for annotation in annotations if isinstance(annotations, list) else ():
        if not isinstance(annotation, dict) or type(annotation.get('video_id')) is not int:
            continue
        segmentations = annotation.get('segmentations')
        for segmentation in segmentations if isinstance(segmentations, list) else ():
            size = segmentation.get('size') if isinstance(segmentation, dict) else None
            if isinstance(size, list) and len(size) == 2 and all(type(s) is int for s in size):
                sizes[annotation['video_id']][size[0], size[1]] += 1
    return dict(sizes)


class AnnotationChecker:
    """Checks annotations, and makes repaired ones.

    Args:
        report: Where problems are noted.
        videos: Repaired videos by id.
        kept_frames: Per video id the positions of the frames that it keeps.
        original_length: Per video id the number of frames in the file.
        category_ids: Ids of the categories.
    """

    def __init__(
        self,
        report: Report,
        videos: dict[int, dict],
        kept_frames: dict[int, list[int]],
        original_length: dict[int, int],
        category_ids: set[int],
    ) -> None:
        self.report = report
        self.videos = videos
        self.kept_frames = kept_frames
        self.original_length = original_length
        self.category_ids = category_ids
        self._ids: set[int] = set()
        self._next_id = 1

    def check(self, annotations: list) -> list[dict]:
        """Check all annotations.

        Args:
            annotations: What stands under ``annotations``.

        Returns:
            Repaired annotations.
        """
        ids = [a.get('id') for a in annotations if isinstance(a, dict)]
        self._next_id = 1 + max((i for i in ids if type(i) is int), default=0)
        tubes: dict[int, list[dict[int, dict]]] = defaultdict(list)
        repaired = []
        for index, annotation in enumerate(annotations):
            self.report.counts['objects'] += 1
            kept = self._check(index, annotation, tubes)
            if kept is not None:
                repaired.append(kept)
        for video_id, objects in tubes.items():
            self._check_overlap(video_id, objects)
        return repaired

    def _check(self, index: int, annotation: Any, tubes: dict) -> dict | None:
        add, dropped = self.report.add, 'the annotation is left out'
        if not isinstance(annotation, dict) or type(annotation.get('id')) is not int:
            what = f'expected an object with an id, got {annotation!r:.80}'
            add('not-this-form', f'annotations[{index}]', what, dropped)
            return None
        where = f'annotation {annotation["id"]}'
        annotation = self._with_own_id(where, annotation)
        video_id = annotation.get('video_id')
        if type(video_id) is not int or video_id not in self.videos:
            what = f'there is no usable video {video_id!r:.40}'
            add('unknown-video', where, what, dropped)
            return None
        where = f'{where} of video {video_id}'
        category_id = annotation.get('category_id')
        if type(category_id) is not int or category_id not in self.category_ids:
            add('unknown-category', where, f'there is no category {category_id!r:.40}', dropped)
            return None
        annotation = self._with_sound_crowd(where, annotation)
        length = self.original_length[video_id]
        segmentations = annotation.get('segmentations')
        if not isinstance(segmentations, list) or len(segmentations) != length:
            got = (
                len(segmentations) if isinstance(segmentations, list) else f'{segmentations!r:.40}'
            )
            what = f'expected {length} segmentations, one per frame, got {got}'
            add('masks-length', where, what, dropped)
            return None
        masks, unsure = self._masks(where, segmentations, self.videos[video_id])
        kept = self.kept_frames[video_id]
        if not any(frame in masks or frame in unsure for frame in kept):
            add('empty-object', where, f'no mask in {len(kept)} frames', dropped)
            return None
        repaired = self._with_lists(where, annotation, masks, unsure, kept)
        if not repaired.get('iscrowd', 0):
            tubes[video_id].append({frame: masks[frame] for frame in kept if frame in masks})
        return repaired

    def _with_own_id(self, where: str, annotation: dict) -> dict:
        """The annotation with an id from 1 on that no other has."""
        given = annotation['id']
        if given in self._ids or given < 1:
            change = f'the id becomes {self._next_id}'
            if given in self._ids:
                self.report.add('duplicate-annotation', where, 'the id stands twice', change)
            elif given == 0:
                self.report.add('id-zero', where, 'the id is 0', change)
            else:
                self.report.add('not-this-form', where, 'expected an id from 1', change)
            annotation = {**annotation, 'id': self._next_id}
            self._next_id += 1
        self._ids |= {given, annotation['id']}
        return annotation

    def _with_sound_crowd(self, where: str, annotation: dict) -> dict:
        """The annotation with an ``iscrowd`` of 0 or 1, if any."""
        iscrowd = annotation.get('iscrowd', 0)
        if type(iscrowd) in (int, bool) and iscrowd in (0, 1):
            return annotation
        # Python takes every text for yes, but for an empty one.
        no = not iscrowd or str(iscrowd).strip().lower() in ('0', '0.0', 'false', 'no')
        crowd = int(not no)
        self.report.add('iscrowd', where, f'iscrowd is {iscrowd!r:.40}', f'it becomes {crowd}')
        return {**annotation, 'iscrowd': crowd}

    def _masks(
        self, where: str, segmentations: list, video: dict
    ) -> tuple[dict[int, dict], set[int]]:
        """Sound masks by frame, and frames whose polygons only a person can put right."""
        height, width = video['height'], video['width']
        masks: dict[int, dict] = {}
        unsure: set[int] = set()
        for frame, segmentation in enumerate(segmentations):
            if segmentation is None or segmentation == []:
                continue
            self.report.counts['masks'] += 1
            at = f'{where}, frame {frame}'
            size = segmentation.get('size') if isinstance(segmentation, dict) else None
            if size is not None and size != [height, width]:
                what = f'expected the size [{height}, {width}], got {size!r:.40}'
                self.report.add('mask-size', at, what, 'the mask becomes null')
                continue
            try:
                counts = compress(segmentation, height, width)
                if counts is not None:
                    check_counts(counts, height, width)
            except ValueError as error:
                self.report.add('broken-mask', at, str(error), 'the mask becomes null')
                continue
            if (problem := _other_unit(segmentation, height, width)) is not None:
                self.report.add(problem[0], at, problem[1])
                unsure.add(frame)
                continue
            rle = {'size': [height, width], 'counts': counts}
            if counts is None or not mask_api.area(rle):
                self.report.add('empty-mask', at, 'no pixel', 'the mask becomes null')
                continue
            masks[frame] = rle
        return masks, unsure

    def _with_lists(
        self,
        where: str,
        annotation: dict,
        masks: dict[int, dict],
        unsure: set[int],
        kept: list[int],
    ) -> dict:
        """The annotation with lists that agree with each other, for the frames that are kept.

        Frames with polygons of which one can't be sure stay as they are.
        """
        segmentations = annotation['segmentations']
        length = len(segmentations)
        repaired = {
            # Lists of other names with an entry per frame, such as the occlusion of OVIS.
            key: [value[frame] for frame in kept]
            if isinstance(value, list) and len(value) == length and key not in _LISTS
            else value
            for key, value in annotation.items()
        }
        repaired['segmentations'] = [
            segmentations[frame] if frame in masks or frame in unsure else None for frame in kept
        ]
        # Published files write other numbers here too; only the right ones are kept up to date.
        if annotation.get('length') == length:
            repaired['length'] = len(kept)
        video = self.videos[annotation['video_id']]
        repaired.update({key: video[key] for key in ('height', 'width') if key in annotation})
        truths = {
            'bboxes': {frame: mask_api.toBbox(rle).tolist() for frame, rle in masks.items()},
            'areas': {frame: int(mask_api.area(rle)) for frame, rle in masks.items()},
        }
        for key, truth in truths.items():
            if key not in annotation:
                continue
            values = annotation[key]
            whole = isinstance(values, list) and len(values) == length
            left = {frame: values[frame] for frame in unsure} if whole else {}
            repaired[key] = [(truth | left).get(frame) for frame in kept]
            if not whole:
                got = len(values) if isinstance(values, list) else f'{values!r:.40}'
                what = f'expected {length} {key}, one per frame, got {got}'
                change = f'{key} are computed from the masks'
                if unsure:
                    # A frame without a box would count as one without the object.
                    del repaired[key]
                    change = f'{key} are left out'
                self.report.add('lists-length', where, what, change)
                continue
            self._compare(where, key, values, truth, segmentations)
        return repaired

    def _compare(
        self, where: str, key: str, values: list, truth: dict[int, Any], segmentations: list
    ) -> None:
        """Hold boxes or areas against the masks."""
        what = 'box' if key == 'bboxes' else 'area'
        for frame, value in enumerate(values):
            at = f'{where}, frame {frame}'
            present = value is not None and value != [] and value != 0
            if frame not in truth:
                if present and segmentations[frame] in (None, []):
                    self.report.add(
                        'null-pattern', at, f'a {what} but no mask', f'the {what} becomes null'
                    )
            elif not present:
                self.report.add('null-pattern', at, f'a mask but no {what}', f'the {what} is added')
            elif not (_box_agrees if what == 'box' else _area_agrees)(value, truth[frame]):
                self.report.add(
                    what,
                    at,
                    f'{what} is {value!r:.60}, that of the mask {truth[frame]}',
                    f'the {what} of the mask is taken',
                )

    def _check_overlap(self, video_id: int, objects: list[dict[int, dict]]) -> None:
        """Note masks of one frame that share pixels."""
        by_frame: dict[int, list[dict]] = defaultdict(list)
        for masks in objects:
            for frame, rle in masks.items():
                by_frame[frame].append(rle)
        frames = pixels = 0
        for rles in by_frame.values():
            if len(rles) > 1:
                shared = int(mask_api.area(rles).sum()) - int(mask_api.area(mask_api.merge(rles)))
                frames += shared > 0
                pixels += shared
        if frames:
            what = f'objects overlap in {frames} of {len(by_frame)} frames, {pixels} pixels in all'
            self.report.add('overlap', f'video {video_id}', what)


def _other_unit(segmentation: Any, height: int, width: int) -> tuple[str, str] | None:
    """Kind and signs of polygons that don't look like pixels of the frame."""
    if not isinstance(segmentation, list):
        return None
    polygons = [points for points in segmentation if len(points) >= 6 and len(points) % 2 == 0]
    if not polygons:
        return None
    x, y = ([value for points in polygons for value in points[axis::2]] for axis in (0, 1))
    lowest, right, bottom = min(*x, *y), max(x), max(y)
    found = f'x from {min(x):g} to {right:g}, y from {min(y):g} to {bottom:g}'
    if lowest >= 0 and 0 < max(right, bottom) <= 1:
        return 'polygon-normalised', f'expected pixels, got {found}: parts of the frame?'
    if lowest < -BOX_TOLERANCE or max(right - width, bottom - height) > BOX_TOLERANCE:
        what = f'expected points within {height} x {width} (height x width), got {found}'
        return 'polygon-outside', f'{what}: of frames of another size?'
    return None


def _numbers(values: Any) -> bool:
    """Whether all are numbers that frames can have, neither infinite nor beyond floats."""
    return all(type(value) in (int, float) and abs(value) <= MAX_PIXELS for value in values)


def _box_agrees(box: Any, truth: list[float]) -> bool:
    """Whether a box is that of the mask, give or take a pixel."""
    if not isinstance(box, list) or len(box) != 4 or not _numbers(box):
        return False
    edges = [[b[0], b[1], b[0] + b[2], b[1] + b[3]] for b in (box, truth)]
    return all(abs(a - b) <= BOX_TOLERANCE for a, b in zip(*edges))


def _area_agrees(area: Any, truth: int) -> bool:
    """Whether an area is that of the mask, give or take what rounding does."""
    return _numbers([area]) and abs(area - truth) <= max(1.0, AREA_TOLERANCE * truth)
