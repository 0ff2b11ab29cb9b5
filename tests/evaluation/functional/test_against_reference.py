"""The evaluator against a plain one on dense masks, written from the official rules."""

import numpy as np
import pytest
from pycocotools import mask as mask_api

from mmtmt.evaluation import evaluate

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
AREAS = ((0, 1e5**2), (0, 128**2), (128**2, 256**2), (256**2, 1e5**2))
MOST = (1, 10, 100)
BORDERS = (0, 5, 128**2 - 1e-9, 128**2, 256**2, 256**2 + 1, 70_000)


def mean_area(areas):
    visible = [area for area in areas if area]
    return np.mean(visible) if visible else 0


def dense_iou(result, item):
    shared = union = 0
    for a, b in zip(result, item):
        if a is not None and b is not None:
            shared, union = shared + (a & b).sum(), union + (a | b).sum()
        elif a is not None or b is not None:
            union += (a if b is None else b).sum()
    return shared / union if union else 0


def match_video(objects, results, ious, low, high):
    """Which results got an object, which count for nothing, and how many objects count."""
    ignored = np.array([o['crowd'] or not low <= o['area'] <= high for o in objects], bool)
    order = np.argsort(ignored, kind='stable')
    shape = len(THRESHOLDS), len(results)
    matched, skipped = np.zeros(shape, bool), np.zeros(shape, bool)
    for t, threshold in enumerate(THRESHOLDS):
        taken = set()
        for d, result in enumerate(results):
            best, found = min(threshold, 1 - 1e-10), None
            for g in order:
                if g in taken and not objects[g]['crowd']:
                    continue
                if found is not None and not ignored[found] and ignored[g]:
                    break
                if ious[d][g] >= best:
                    best, found = ious[d][g], g
            if found is None:
                skipped[t, d] = not low <= result['area'] <= high
            else:
                taken.add(found)
                matched[t, d], skipped[t, d] = True, ignored[found]
    return matched, skipped, int((~ignored).sum())


def curve(matched, skipped, num_objects):
    right, wrong = np.cumsum(matched & ~skipped), np.cumsum(~matched & ~skipped)
    precision = list(right / (right + wrong + np.spacing(1)))
    for i in range(len(precision) - 1, 0, -1):
        precision[i - 1] = max(precision[i - 1], precision[i])
    positions = np.searchsorted(right / num_objects, RECALLS, side='left')
    values = [precision[p] if p < len(precision) else 0 for p in positions]
    return values, right[-1] / num_objects if len(right) else 0


def reference(objects, results, videos, categories):
    precision = np.full((10, 101, len(categories), 4, 3), -1.0)
    recall = np.full((10, len(categories), 4, 3), -1.0)
    for k, category in enumerate(sorted(categories)):
        sides = []
        for video in sorted(videos):
            here = [[e for e in side if (e['video'], e['category']) == (video, category)]
                    for side in (objects, results)]
            here[1] = sorted(here[1], key=lambda result: -result['score'])[:100]
            ious = [[dense_iou(d['masks'], g['masks']) for g in here[0]] for d in here[1]]
            sides.append((*here, ious))
        for a, (low, high) in enumerate(AREAS):
            parts = [match_video(*side, low, high) for side in sides]
            num_objects = sum(part[2] for part in parts)
            if not num_objects:
                continue
            for m, most in enumerate(MOST):
                scores = [d['score'] for side in sides for d in side[1][:most]]
                order = np.argsort(-np.array(scores), kind='stable')
                for t in range(10):
                    flags = [np.concatenate([p[i][t, :most] for p in parts])[order] for i in (0, 1)]
                    values, final = curve(*flags, num_objects)
                    precision[t, :, k, a, m], recall[t, k, a, m] = values, final
    return precision, recall


def to_json(mask):
    rle = mask_api.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {'size': rle['size'], 'counts': rle['counts'].decode()}


def random_case(rng):
    large = rng.random() < 0.2
    videos = {int(v): rng.integers(1, 9, 2) if not large else rng.integers(250, 300, 2)
              for v in rng.permutation(50)[: rng.integers(1, 4)]}
    categories = [int(c) for c in rng.permutation(20)[: rng.integers(1, 4)]]
    scores = rng.random(4).round(2) if rng.random() < 0.6 else None
    lengths = {video: int(rng.integers(0 if rng.random() < 0.1 else 1, 5)) for video in videos}
    objects, results = [], []

    def frame(shape):
        mask = np.zeros(shape, bool)
        if large or rng.random() < 0.6:
            (y0, y1), (x0, x1) = (np.sort(rng.integers(0, side + 1, 2)) for side in shape)
            mask[y0:y1, x0:x1] = True
            return mask
        return rng.random(shape) < rng.choice([0, 0.3, 0.7, 1])

    def tube(video, like=None):
        masks = [None if rng.random() < 0.2 else frame(videos[video])
                 for _ in range(lengths[video])]
        if like is not None:
            masks = [old if rng.random() < 0.7 else new for old, new in zip(like, masks)]
        return masks

    for video in videos:
        pool = []
        for _ in range(rng.integers(0, 4)):
            again = pool and rng.random() < 0.3
            pool.append(pool[-1] if again else tube(video))
            areas = [mask if mask is None else int(mask.sum()) if rng.random() < 0.7
                     else float(rng.choice(BORDERS)) for mask in pool[-1]]
            objects.append(dict(
                video=video, category=int(rng.choice(categories)), masks=pool[-1], areas=areas,
                area=mean_area(areas), crowd=bool(rng.random() < 0.25)))
        for _ in range(rng.integers(0, 8) if large or rng.random() < 0.95 else 130):
            near = pool[rng.integers(len(pool))] if pool and rng.random() < 0.7 else None
            masks = tube(video, near)
            results.append(dict(
                video=video, category=int(rng.choice(categories)), masks=masks,
                score=float(rng.choice(scores) if scores is not None else rng.normal()),
                area=mean_area([mask.sum() for mask in masks if mask is not None])))
    for side in (objects, results):
        rng.shuffle(side)
    return objects, results, videos, lengths, categories


@pytest.mark.parametrize('seed', range(10))
def test_equals_reference(seed):
    rng = np.random.default_rng(seed)
    found = 0
    for _ in range(15):
        objects, results, videos, lengths, categories = random_case(rng)
        gt = {
            'videos': [{'id': video, 'height': int(h), 'width': int(w), 'length': lengths[video]}
                       for video, (h, w) in videos.items()],
            'categories': [{'id': c, 'name': str(c)} for c in categories],
            'annotations': [
                {'id': n + 1, 'video_id': o['video'], 'category_id': o['category'],
                 'iscrowd': int(o['crowd']), 'areas': o['areas'],
                 'segmentations': [m if m is None else to_json(m) for m in o['masks']]}
                for n, o in enumerate(objects)],
        }
        predicted = [
            {'video_id': r['video'], 'category_id': r['category'], 'score': r['score'],
             'segmentations': [m if m is None else to_json(m) for m in r['masks']]}
            for r in results]
        precision, recall = reference(objects, results, videos, categories)
        output = evaluate(gt, predicted)
        np.testing.assert_allclose(output['precision'], precision, rtol=0, atol=1e-12)
        np.testing.assert_allclose(output['recall'], recall, rtol=0, atol=1e-12)
        found += output['AP'] > 0
    assert found > 2
