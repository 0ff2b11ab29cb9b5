"""What breaks a tiny set in each of the ways that a check knows."""

import copy

import cv2
import numpy as np

from tests.datasets.tiny_set import HEIGHT, WIDTH, to_rle


def video(tiny):
    return tiny.data['videos'][1]


def fish(tiny):
    return tiny.data['annotations'][1]


def frame_path(tiny, name='v20/00002.png'):
    return tiny.root / 'frames' / name


def write_image(tiny, height, width):
    cv2.imwrite(str(frame_path(tiny)), np.zeros((height, width, 3), np.uint8))


def link_out(tiny):
    outside = tiny.root / 'outside.png'
    frame_path(tiny).rename(outside)
    frame_path(tiny).symlink_to(outside)


def copy_first(key):
    return lambda s: s.data[key].append(copy.deepcopy(s.data[key][0]))


def set_mask(value, frame=2):
    return lambda s: fish(s)['segmentations'].__setitem__(frame, value)


BREAKAGES = {
    # kind, what breaks it, where it is found, how many annotations remain
    'video entry': ('not-this-form', lambda s: s.data['videos'].append(7), r'videos[3]', 4),
    'video id': ('not-this-form', lambda s: video(s).update(id='x'), 'videos[1]', 1),
    'annotation entry': (
        'not-this-form',
        lambda s: s.data['annotations'].append(None),
        'annotations[4]',
        4,
    ),
    'negative id': ('not-this-form', lambda s: fish(s).update(id=-3), 'annotation -3', 4),
    'file names': ('not-this-form', lambda s: video(s).update(file_names='x'), 'video 20', 1),
    'category id': (
        'category',
        lambda s: s.data['categories'][2].update(id=None),
        'categories[2]',
        3,
    ),
    'category name': (
        'category',
        lambda s: s.data['categories'].append({'id': 5, 'name': 'FISH'}),
        'categories[3]',
        4,
    ),
    'category twice': (
        'category',
        lambda s: s.data['categories'].append({'id': 7, 'name': 'a'}),
        'categories[3]',
        4,
    ),
    'video twice': ('duplicate-video', copy_first('videos'), 'video 10', 4),
    'annotation twice': ('duplicate-annotation', copy_first('annotations'), 'annotation 1', 5),
    'no size': ('video-size', lambda s: video(s).pop('height'), 'video 20', 4),
    'huge size': ('video-size', lambda s: video(s).update(width=10**9), 'video 20', 4),
    'wrong size': ('frame-size', lambda s: video(s).update(width=41), 'video 20', 4),
    'traversal': (
        'unsafe-name',
        lambda s: video(s)['file_names'].__setitem__(0, '../../etc/passwd'),
        "video 20, frame 0 ('../../etc/passwd')",
        4,
    ),
    'absolute': (
        'unsafe-name',
        lambda s: video(s)['file_names'].__setitem__(0, '/etc/passwd'),
        "video 20, frame 0 ('/etc/passwd')",
        4,
    ),
    'link': ('unsafe-name', link_out, "video 20, frame 2 ('v20/00002.png')", 4),
    'missing': (
        'missing-frame',
        lambda s: frame_path(s).unlink(),
        "video 20, frame 2 ('v20/00002.png')",
        4,
    ),
    'no frame left': (
        'no-frames',
        lambda s: [p.unlink() for p in (s.root / 'frames/v20').iterdir()],
        'video 20',
        1,
    ),
    'truncated': (
        'unreadable-frame',
        lambda s: frame_path(s).write_bytes(frame_path(s).read_bytes()[:90]),
        "video 20, frame 2 ('v20/00002.png')",
        4,
    ),
    'no image': (
        'unreadable-frame',
        lambda s: frame_path(s).write_text('hello'),
        "video 20, frame 2 ('v20/00002.png')",
        4,
    ),
    'long name': (
        'unreadable-frame',
        lambda s: video(s)['file_names'].__setitem__(0, 'v20/' + 'x' * 5000),
        f"video 20, frame 0 ('v20/{'x' * 75})",
        4,
    ),
    'other size': (
        'frame-size',
        lambda s: write_image(s, 12, 20),
        "video 20, frame 2 ('v20/00002.png')",
        4,
    ),
    'length': ('length', lambda s: video(s).update(length=9), 'video 20', 4),
    'unknown video': ('unknown-video', lambda s: fish(s).update(video_id=99), 'annotation 2', 3),
    'unknown category': (
        'unknown-category',
        lambda s: fish(s).update(category_id=99),
        'annotation 2 of video 20',
        3,
    ),
    'unhashable': (
        'unknown-category',
        lambda s: fish(s).update(category_id=[1]),
        'annotation 2 of video 20',
        3,
    ),
    'too few': (
        'masks-length',
        lambda s: fish(s)['segmentations'].pop(),
        'annotation 2 of video 20',
        3,
    ),
    'none': ('masks-length', lambda s: fish(s).pop('segmentations'), 'annotation 2 of video 20', 3),
    'mask size': (
        'mask-size',
        set_mask(to_rle(np.ones((5, 6), bool))),
        'annotation 2 of video 20, frame 2',
        4,
    ),
    'mask bomb': (
        'mask-size',
        set_mask({'size': [10**5, 10**5], 'counts': [10**10]}),
        'annotation 2 of video 20, frame 2',
        4,
    ),
    'mask runs': (
        'broken-mask',
        set_mask({'size': [HEIGHT, WIDTH], 'counts': [10**10]}),
        'annotation 2 of video 20, frame 2',
        4,
    ),
    'mask text': (
        'broken-mask',
        set_mask({'size': [HEIGHT, WIDTH], 'counts': 'oops'}),
        'annotation 2 of video 20, frame 2',
        4,
    ),
    'mask form': ('broken-mask', set_mask(3), 'annotation 2 of video 20, frame 2', 4),
    'polygon': (
        'broken-mask',
        set_mask([[0, 0, 1e9, 0, 5, 5]]),
        'annotation 2 of video 20, frame 2',
        4,
    ),
    'boxes': ('lists-length', lambda s: fish(s)['bboxes'].pop(), 'annotation 2 of video 20', 4),
    'areas': ('lists-length', lambda s: fish(s).update(areas=5), 'annotation 2 of video 20', 4),
    'box without mask': (
        'null-pattern',
        lambda s: fish(s)['bboxes'].__setitem__(1, [0, 0, 1, 1]),
        'annotation 2 of video 20, frame 1',
        4,
    ),
    'mask without box': (
        'null-pattern',
        lambda s: fish(s)['bboxes'].__setitem__(0, None),
        'annotation 2 of video 20, frame 0',
        4,
    ),
    'mask without area': (
        'null-pattern',
        lambda s: fish(s)['areas'].__setitem__(0, None),
        'annotation 2 of video 20, frame 0',
        4,
    ),
    'box': (
        'box',
        lambda s: fish(s)['bboxes'].__setitem__(0, [2, 4, 14, 10]),
        'annotation 2 of video 20, frame 0',
        4,
    ),
    'box form': (
        'box',
        lambda s: fish(s)['bboxes'].__setitem__(0, [2, 4, float('nan'), 'x']),
        'annotation 2 of video 20, frame 0',
        4,
    ),
    'endless box': (
        'box',
        lambda s: fish(s)['bboxes'].__setitem__(0, [10**400, 4, 14, 10]),
        'annotation 2 of video 20, frame 0',
        4,
    ),
    'endless area': (
        'area',
        lambda s: fish(s)['areas'].__setitem__(0, 10**400),
        'annotation 2 of video 20, frame 0',
        4,
    ),
    'endless polygon': (
        'broken-mask',
        set_mask([[0, 0, 10**400, 0, 5, 5]]),
        'annotation 2 of video 20, frame 2',
        4,
    ),
    'area': (
        'area',
        lambda s: fish(s)['areas'].__setitem__(0, 130),
        'annotation 2 of video 20, frame 0',
        4,
    ),
    'empty mask': (
        'empty-mask',
        set_mask(to_rle(np.zeros((HEIGHT, WIDTH), bool))),
        'annotation 2 of video 20, frame 2',
        4,
    ),
    'thin polygon': (
        'empty-mask',
        set_mask([[1, 1, 2, 2]]),
        'annotation 2 of video 20, frame 2',
        4,
    ),
    'scaled polygon': (
        'polygon-outside',
        set_mask([[0, 0, WIDTH + 2, 0, 5, 5]]),
        'annotation 2 of video 20, frame 2',
        4,
    ),
    'polygon out of sight': (
        'polygon-outside',
        set_mask([[50, 0, 60, 0, 60, 9]]),
        'annotation 2 of video 20, frame 2',
        4,
    ),
    'normalised polygon': (
        'polygon-normalised',
        set_mask([[0.1, 0.1, 1, 0.1, 0.5, 0.9]]),
        'annotation 2 of video 20, frame 2',
        4,
    ),
    'empty polygon': (
        'empty-mask',
        set_mask([[0, 0, 0, 0, 0, 0]]),
        'annotation 2 of video 20, frame 2',
        4,
    ),
    'empty object': (
        'empty-object',
        lambda s: fish(s).update(segmentations=[None] * 4),
        'annotation 2 of video 20',
        3,
    ),
    'crowd': ('iscrowd', lambda s: fish(s).update(iscrowd='yes'), 'annotation 2 of video 20', 4),
    'zero': ('id-zero', lambda s: fish(s).update(id=0), 'annotation 0', 4),
    'frame twice': (
        'repeated-frame',
        lambda s: video(s)['file_names'].__setitem__(1, 'v20/00000.png'),
        'video 20',
        4,
    ),
    'frame shared': (
        'repeated-frame',
        lambda s: video(s)['file_names'].__setitem__(0, 'v10/00000.png'),
        'video 20',
        4,
    ),
    'order': ('frame-order', lambda s: video(s)['file_names'].reverse(), 'video 20', 4),
}
