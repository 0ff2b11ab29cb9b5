import html.parser

import cv2
import numpy as np

from mmtmt.structures.frame_source import ArrayFrameSource
from mmtmt.structures.tubes import encode_tube
from mmtmt.utils.video import VideoFrameSource
from mmtmt.visualization import Track, contact_sheet, render_frames, render_video, write_report


def clip(num_frames=10, height=370, width=500):
    """A dark video and a track of a square that moves to the right."""
    masks = np.zeros((num_frames, height, width), bool)
    for t, mask in enumerate(masks):
        mask[200:300, 20 + 40 * t : 80 + 40 * t] = True
    frames = np.full((num_frames, height, width, 3), 40, np.uint8)
    return ArrayFrameSource(frames), Track(1, 'dog', encode_tube(masks), 0.9)


def test_every_frame_shows_the_mask_of_that_frame():
    source, track = clip()
    frames = list(render_frames(source, {'prediction': [track]}))
    assert len(frames) == 10
    for t, frame in enumerate(frames):
        assert (frame[250, 50 + 40 * t] != 40).any()
        assert (frame[250, (300 + 40 * t) % 480] == 40).all()


def test_source_is_decoded_in_chunks(monkeypatch):
    source, track = clip()
    ranges = []
    monkeypatch.setattr(
        source, 'decode', lambda a, b: ranges.append((a, b)) or list(source.frames[a:b])
    )
    assert len(list(render_frames(source, {'prediction': [track]}, title='a title'))) == 10
    assert ranges == [(0, 8), (8, 10)]


def test_ground_truth_is_at_the_left(tmp_path):
    source, track = clip()
    path = render_video(
        source, {'ground truth': [track], 'prediction': []}, tmp_path / 'new' / 'a.mp4', fps=5
    )
    video = VideoFrameSource(path)
    assert (len(video), video.fps) == (10, 5)
    frame = video.decode(9, 10)[0].astype(int)
    middle = frame.shape[1] // 2
    assert np.ptp(frame[-120, :middle], axis=0).max() > 60
    assert np.ptp(frame[-120, middle + 10 :], axis=0).max() < 30


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.sources, self.text = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag in ('video', 'img'):
            self.sources.append(dict(attributes)['src'])

    def handle_data(self, data):
        self.text.append(data.strip())


def test_page_shows_all_videos_and_numbers(tmp_path):
    source, track = clip(3)
    videos = {
        group: [render_video(source, {'prediction': [track]}, tmp_path / f'{name}.mp4')
                for name in names]
        for group, names in (('set_b', ('0002', '0001')), ('set_a', ('more/x & y',)))
    }
    numbers = {'set_a': {'AP': 0.25, 'AP50': -1}, 'set_b': {'AP': 0.5}}
    page = write_report(tmp_path, title='A <title>', numbers=numbers, videos=videos)
    shown = Page(page.read_text())
    assert shown.sources == [
        *('more/x & y.mp4', 'more/x & y.jpg', '0001.mp4', '0001.jpg'),
        *('0002.mp4', '0002.jpg'),
    ]
    for file in shown.sources:
        assert (tmp_path / file).is_file()
    assert {'A <title>', '0.250', '0.500', '–', 'set_a', 'AP50'} <= set(shown.text)
    assert 'http' not in page.read_text()


def test_contact_sheet_spreads_over_the_video(tmp_path):
    frames = np.repeat(np.arange(0, 250, 10, dtype=np.uint8), 100 * 80 * 3).reshape(-1, 80, 100, 3)
    source = ArrayFrameSource(frames)
    sheet = contact_sheet(render_video(source, {'prediction': []}, tmp_path / 'a.mp4'))
    cells = cv2.resize(sheet, (3, 2), interpolation=cv2.INTER_AREA)[..., 0].ravel().astype(int)
    assert (np.diff(cells) > 25).all() and cells[0] < 25 and cells[-1] > 215


def test_empty_folder_gives_a_page(tmp_path):
    assert write_report(tmp_path, title='Nothing', videos={}).is_file()
