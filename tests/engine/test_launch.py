"""How the tools end when the user can mend what is wrong."""

import pytest

from mmtmt.datasets.annotation_file import AnnotationError
from mmtmt.engine.launch import run_tool
from mmtmt.structures.images import FrameError


@pytest.mark.parametrize('kind', [AnnotationError, FrameError])
@pytest.mark.parametrize('before', ['', 'Caught {0} in worker 0.\nOriginal ...\n  line 3\nx.{0}: '])
def test_errors_in_data_are_one_line_from_workers_too(kind, before):
    def tool():
        raise kind(before.format(kind.__name__) + 'zoo, video 1: annotation 2: too short')

    with pytest.raises(SystemExit) as exit_:
        run_tool(tool)
    assert exit_.value.code == 'error: zoo, video 1: annotation 2: too short'


def test_errors_in_the_code_keep_their_traceback():
    def tool():
        raise ValueError('a bug')

    with pytest.raises(ValueError, match='a bug'):
        run_tool(tool)
