"""The page that explains results: what it shows, that it needs nothing else, hostile names."""

import html.parser
import json
import os
import re
import shutil
import subprocess

import cv2
import numpy as np
import pytest

from mmtmt.evaluation.analysis import describe, study_results
from mmtmt.visualization import analysis_page, frame_files, worst_video_sheets
from mmtmt.visualization.charts import bar_chart, line_chart, matrix
from mmtmt.visualization.report import encode_jpeg, fit_size
from mmtmt.visualization.tables import worst_first

from .conftest import HOSTILE

BROWSERS = ('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable')
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)


class Page(html.parser.HTMLParser):
    """Elements with their attributes, and texts."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.texts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.texts.append(data.strip())

    def attributes(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def study(files):
    return study_results(files / 'gt.json', files / 'results.json', min_score=0.3)


@pytest.fixture
def sheets(study, files):
    names = {
        video['id']: video['file_names']
        for video in json.loads((files / 'gt.json').read_text())['videos']
    }
    videos = describe(study, replicates=5)['videos']
    sheets, not_drawn = worst_video_sheets(study, videos, names, files / 'frames')
    assert not not_drawn
    return sheets


@pytest.fixture
def text(study, sheets):
    return analysis_page(describe(study, replicates=20), title=HOSTILE, note='a & b', sheets=sheets)


def test_page_shows_the_analysis(text):
    page = Page(text)
    assert {'0.337', 'AP50', 'HOTA', 'cat', 'Mistakes', 'Confusions', 'classification'} <= set(
        page.texts
    )
    assert f'Video {HOSTILE}' in page.texts
    assert len(page.attributes('svg')) == 3
    assert all(attributes['role'] == 'img' for attributes in page.attributes('svg'))
    assert len(page.attributes('img')) == 3
    assert 'color-scheme: light dark' in text


def test_page_needs_nothing_else(text):
    page = Page(text)
    sources = [
        value
        for _, attributes in page.elements
        for name, value in attributes.items()
        if name in ('src', 'href', 'data', 'srcset')
    ]
    assert len(sources) == 3 and all(s.startswith('data:image/jpeg;base64,') for s in sources)
    assert not re.search(r'https?:|url\(|@import', text)


def test_hostile_names_stay_text(text):
    page = Page(text)
    assert {tag for tag, _ in page.elements}.isdisjoint({'script', 'iframe', 'object', 'link'})
    names = {name for _, attributes in page.elements for name in attributes}
    assert not [name for name in names if name.startswith('on')]
    assert all(image['src'].startswith('data:') for image in page.attributes('img'))
    # As the headline, a category and a video.
    assert page.texts.count(HOSTILE) >= 4


def test_bars_are_as_long_as_their_values():
    chart = Page(bar_chart([('a', 0.5, None), ('b', 0.25, [0.1, 0.6]), ('c', 2, None)], 'bars'))
    widths = [float(rect['width']) for rect in chart.attributes('rect')]
    assert widths[0] == 2 * widths[1] and widths[2] == 2 * widths[0]
    low, high = re.match(r'M(\S+) \S+H([\d.]+)m', chart.attributes('path')[0]['d']).groups()
    start = float(chart.attributes('rect')[1]['x'])
    assert (float(low) - start) / widths[1] == pytest.approx(0.4, abs=0.01)
    assert (float(high) - start) / widths[1] == pytest.approx(2.4, abs=0.01)
    assert 'b: 0.250 (0.100 to 0.600)' in chart.texts


def test_lines_go_where_their_values_are():
    chart = Page(line_chart([0, 1], {'up': [0, 1], 'flat': [0.5, 0.5]}, 'lines'))
    lines = [line['points'] for line in chart.attributes('polyline')]
    (x0, y0), (x1, y1) = [tuple(map(float, point.split(','))) for point in lines[0].split()]
    assert x1 > x0 and y1 < y0
    flat = [tuple(map(float, point.split(','))) for point in lines[2].split()]
    assert flat[0][1] == flat[1][1] == (y0 + y1) / 2
    assert len({line['style'] for line in chart.attributes('polyline')}) == 2


def test_matrix():
    page = Page(matrix([[3, 0], [1, 1]], ['a', 'b'], ['c', 'd']))
    shades = [
        float(re.search(r'/ ([\d.]+)\)', cell['style'])[1])
        for cell in page.attributes('td')
        if cell
    ]
    assert shades == [0.5, 0.25, 0.25]
    assert [text for text in page.texts if text] == ['c', 'd', 'a', '3', 'b', '1', '1']


def test_sheets_show_the_worst_videos_first(sheets, study):
    assert set(list(sheets)[:2]) == {'bad', HOSTILE} and list(sheets)[2] == 'good'
    picture = cv2.imdecode(np.frombuffer(sheets['bad'], np.uint8), cv2.IMREAD_COLOR).astype(int)
    height, width = picture.shape[:2]
    # Three frames beside each other, annotations above; the frames have no colours of their own.
    assert width == pytest.approx(3 * 480, abs=20)
    colours = np.ptp(picture, axis=2) > 60
    for row, where in ((0, slice(0, 0.45)), (1, slice(0.5, 1))):
        part = colours[height * row // 2 : height * (row + 1) // 2, : width // 3]
        here = np.flatnonzero(part[len(part) // 2 : len(part) * 3 // 4].any(axis=0)) / part.shape[1]
        assert len(here) and here.min() >= where.start and here.max() <= where.stop


def test_video_with_a_missing_frame_is_left_out_and_named(study, files):
    videos = describe(study, replicates=1)['videos']
    names = frame_files(files / 'gt.json', files / 'frames')
    names = {**names, 'bad': ['nowhere/0.jpg'] * 6}
    sheets, not_drawn = worst_video_sheets(study, videos, names, files / 'frames')
    assert 'bad' not in sheets and len(sheets) == len(worst_first(videos)) - 1
    assert len(not_drawn) == 1 and not_drawn[0].startswith('video bad could not be drawn: ')
    assert 'nowhere' in not_drawn[0]


def test_pictures_fit_a_jpeg():
    assert fit_size(90, 60, (480, 960)) == (480, 320)
    assert fit_size(1, 300, (480, 960)) == (3, 960)
    assert fit_size(3000, 1, (480, 960)) == (480, 1)
    with pytest.raises(ValueError, match='a picture of 2 x 70000 pixels fits no JPEG'):
        encode_jpeg(np.zeros((70000, 2, 3), np.uint8))


@pytest.mark.parametrize('folder', ['../elsewhere', '/elsewhere'])
def test_frames_outside_the_folder_are_refused(study, files, folder):
    elsewhere = files / 'elsewhere'
    shutil.copytree(files / 'frames', elsewhere)
    inside = str(elsewhere) if folder.startswith('/') else folder
    picture = next(path for path in elsewhere.rglob('*') if path.is_file())
    name = f'{inside}/{picture.relative_to(elsewhere)}'
    sheets, not_drawn = worst_video_sheets(
        study,
        describe(study, replicates=1)['videos'],
        {video: [name] * 6 for video in study.truth.videos},
        files / 'frames',
    )
    assert not sheets and all('expected a file in' in line for line in not_drawn)


@pytest.mark.skipif(BROWSER is None, reason='needs a browser: ' + ', '.join(BROWSERS))
def test_browser_shows_the_page(text, tmp_path):
    page, picture = tmp_path / 'report.html', tmp_path / 'report.png'
    page.write_text(text, encoding='utf-8')
    command = [
        BROWSER,
        '--headless',
        '--disable-gpu',
        '--no-sandbox',
        f'--user-data-dir={tmp_path}',
    ]
    environment = {**os.environ, 'HOME': str(tmp_path)}
    options = {'capture_output': True, 'timeout': 120, 'env': environment}
    done = subprocess.run([*command, '--dump-dom', page.as_uri()], **options)
    dom = Page(done.stdout.decode())
    assert len(dom.attributes('svg')) == 3 and not dom.attributes('script')
    assert f'Video {HOSTILE}'.replace('\x1b', '') in [t.replace('\x1b', '') for t in dom.texts]
    subprocess.run(
        [*command, f'--screenshot={picture}', '--window-size=1200,1600', page.as_uri()], **options
    )
    shown = cv2.imread(str(picture)).astype(int)
    assert shown.shape[:2] == (1600, 1200)
    # Bars and a curve are blue, the rest of the page is not.
    blue = shown[..., 0] - shown[..., 2] > 100
    assert 0.0005 < blue.mean() < 0.3
