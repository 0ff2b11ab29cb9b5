"""The object encoder's windows, and what GenVIS carries from clip to clip."""
import pytest
import torch

from mmtmt.models.decoders import GenVISDecoder, VITADecoder
from mmtmt.models.decoders.object_encoder import ObjectEncoder
from mmtmt.models.trackers import PrototypeMemory
from mmtmt.models.utils import TensorStore

SIZES = dict(embed_dims=16, num_heads=2, feedforward_dims=24)


def build_encoder(window, num_layers=2):
    torch.manual_seed(0)
    return ObjectEncoder(window=window, num_layers=num_layers, **SIZES).eval()


def rolled(layer, tokens, window):
    """The official way: roll by half a window, mask what doesn't belong together, roll back."""
    frames, num = tokens.shape[1:3]
    total = -(-frames // window) * window
    half = -(-window // 2)
    place = (torch.arange(total) - half) % total  # frame at each place of the rolled video
    group = torch.where(torch.arange(total) < half, -1, torch.arange(total) // window)
    group = group.masked_fill(place >= frames, -2)
    parts = torch.zeros(tokens.shape[0], total, *tokens.shape[2:])
    parts[:, :frames] = tokens
    flat = parts[:, place].flatten(1, 2)
    together = (group[:, None] == group[None]).repeat_interleave(num, 0).repeat_interleave(num, 1)
    attended = layer.self_attn(flat, flat, flat, ~together[None])
    flat = layer.norms[0](flat + attended)
    flat = layer.norms[1](flat + layer.ffn(flat))
    back = torch.empty_like(parts)
    back[:, place] = flat.unflatten(1, (total, num))
    return back[:, :frames]


@pytest.mark.parametrize('frames', [1, 2, 3, 5, 6, 7, 13, 40])
@pytest.mark.parametrize('window', [1, 2, 3, 5, 6])
def test_windows_are_those_of_the_rolled_video(frames, window):
    encoder = build_encoder(window)
    tokens = torch.randn(2, frames, 4, 16)
    unshifted = build_encoder(window, num_layers=1)
    unshifted.layers[0] = encoder.layers[0]
    expected = rolled(encoder.layers[1], unshifted(tokens), window)
    torch.testing.assert_close(encoder(tokens), expected)


def test_what_a_frame_sees():
    encoder = build_encoder(window=4)
    tokens = torch.randn(1, 12, 3, 16)
    changed = tokens.clone()
    changed[:, 9] += 1
    moved = (encoder(tokens) != encoder(changed)).flatten(2).any(2)[0]
    # windows 8..11, then 6..9 and 10..11
    assert moved.nonzero().squeeze(1).tolist() == [6, 7, 8, 9, 10, 11]
    encoder.train()
    moved = (encoder(tokens) != encoder(changed)).flatten(2).any(2)[0]
    assert moved.nonzero().squeeze(1).tolist() == [8, 9, 10, 11]
    everywhere = build_encoder(window=0)
    assert bool((everywhere(tokens) != everywhere(changed)).flatten(2).any(2).all())


def test_bad_window():
    with pytest.raises(ValueError, match='window.*-1'):
        build_encoder(window=-1)


def build_decoder(kind, **kwargs):
    torch.manual_seed(0)
    return kind(num_classes=5, num_frame_queries=4, num_queries=6, num_encoder_layers=2,
                num_layers=2, **SIZES, **kwargs).eval()


def test_clips_of_a_batch_do_not_mix():
    decoder = build_decoder(VITADecoder)
    queries = torch.randn(3, 7, 4, 16)
    together = decoder(queries).predictions[-1].class_logits
    apart = torch.cat([decoder(one[None]).predictions[-1].class_logits for one in queries])
    torch.testing.assert_close(together, apart)


def test_order_of_frame_queries_does_not_matter():
    decoder = build_decoder(VITADecoder, window=0)
    queries, order = torch.randn(1, 3, 4, 16), torch.tensor([2, 0, 3, 1])
    expected = decoder(queries).predictions[-1].class_logits
    decoder.token_pos.weight.data = decoder.token_pos.weight.data[order]
    torch.testing.assert_close(
        decoder(queries[:, :, order]).predictions[-1].class_logits, expected)


@pytest.mark.parametrize('window', [0, 1, 3, 6])
@pytest.mark.parametrize('frames', [1, 5, 40])
def test_a_stored_video_is_decoded_as_one_in_memory(monkeypatch, window, frames):
    decoder = build_decoder(VITADecoder, window=window)
    queries = torch.randn(frames, 4, 16)
    with torch.no_grad():
        expected = decoder(queries[None], auxiliary=False).predictions[-1]
        for limit in (0, 100):
            monkeypatch.setattr(TensorStore, 'limit', limit)
            store = TensorStore()
            for part in queries.split(3):
                store.append(part)
            found = decoder.decode_video(store, None)
            for name, value in vars(expected).items():
                torch.testing.assert_close(getattr(found, name), value)


def test_genvis_reads_its_memory_as_the_paper_writes_it():
    # keys and values of all clips, each projected on its own
    decoder = build_decoder(GenVISDecoder)
    memory, queries = PrototypeMemory(), torch.randn(2, 6, 16)
    prototypes = torch.randn(3, 2, 6, 16)
    for prototype in prototypes:
        memory.append(queries, prototype)
    keys, values = decoder.memory_key(prototypes), decoder.memory_value(prototypes)
    weights = torch.einsum('bqc,mbqc->bqm', decoder.query_key(queries), keys).softmax(-1)
    expected = torch.einsum('bqm,mbqc->bqc', weights, values)
    torch.testing.assert_close(decoder._recall(queries, memory), expected)


def test_genvis_remembers():
    decoder = build_decoder(GenVISDecoder)
    clips = torch.randn(4, 2, 3, 4, 16)
    memory = PrototypeMemory()
    outputs = [decoder(clip, memory=memory) for clip in clips]
    assert memory.prototypes.shape == (2, 6, 4, 16)
    again = PrototypeMemory()
    first = decoder(clips[0], memory=again).predictions[-1].class_logits
    torch.testing.assert_close(first, outputs[0].predictions[-1].class_logits)
    alone = decoder(clips[1], memory=PrototypeMemory()).predictions[-1].class_logits
    assert not torch.allclose(alone, outputs[1].predictions[-1].class_logits)


def test_a_long_enough_memory_changes_nothing():
    clips = torch.randn(5, 1, 3, 4, 16)

    def last(max_memory):
        decoder, memory = build_decoder(GenVISDecoder, max_memory=max_memory), PrototypeMemory()
        logits = [decoder(clip, memory=memory).predictions[-1].class_logits for clip in clips][-1]
        return logits, len(memory)

    whole, length = last(None)
    assert length == 5
    torch.testing.assert_close(last(5)[0], whole)
    torch.testing.assert_close(last(4)[0], whole)  # the fifth clip reads the four before
    short, length = last(3)
    assert length == 3 and not torch.allclose(short, whole)
    with pytest.raises(ValueError, match='max_memory.*0'):
        build_decoder(GenVISDecoder, max_memory=0)
