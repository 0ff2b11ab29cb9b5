"""Ground truth of training clips."""
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from torch import Tensor

from mmtmt.models.utils.transfer import to_host


@dataclass
class ClipTarget:
    """Ground truth of one clip.

    Attributes:
        labels: (N,) int64 in the union.
        masks: (N, T, H, W) float in [0, 1], padded like the batch.
        shown: What `visible` returns; None until it is asked for.
    """

    labels: Tensor
    masks: Tensor
    shown: Tensor | None = field(default=None, kw_only=True)

    @property
    def visible(self) -> Tensor:
        """(N, T) bool on the CPU, the frames that show an instance."""
        if self.shown is None:
            note_visible([self])
        return self.shown

    def select_frames(self, frames: slice) -> Self:
        """The same instances in some of the frames."""
        return replace(self, masks=self.masks[:, frames], shown=self.visible[:, frames])

    def frames(self, visible_only: bool = False) -> list['ClipTarget']:
        """Each frame as a clip of one frame.

        Args:
            visible_only: Leave out the instances that a frame doesn't show, as the official VITA;
                otherwise they stay targets there, with their label and an empty mask, as in the
                official MinVIS.

        Returns:
            T targets, masks (N, 1, H, W).
        """
        frames = self.masks.split(1, dim=1)
        if not visible_only:
            return [ClipTarget(self.labels, masks) for masks in frames]
        instances = [shown.nonzero().squeeze(1).to(self.labels.device)
                     for shown in self.visible.unbind(1)]
        return [ClipTarget(self.labels[chosen], masks[chosen])
                for masks, chosen in zip(frames, instances)]


def note_visible(targets: Sequence[ClipTarget]) -> None:
    """Find out which frames show an instance, with one copy to the CPU for all clips.

    To be called before a step gives the device much to do, so that nothing waits for the copy.

    Args:
        targets: Changed: they know then what is `visible`.
    """
    for target, shown in zip(targets, to_host([target.masks.flatten(2).any(2)
                                               for target in targets])):
        target.shown = shown
