"""The published attention against its definition, written as loops."""

import torch

from slide_mobile.models.layers.slide_attention import Im2ColAttention, SlideAttention


def by_definition(attn: SlideAttention, x: torch.Tensor) -> torch.Tensor:
    """Compute the published formula pixel by pixel: (H, W, C) -> (H, W, C)."""
    h, w, c = x.shape
    d, taps, reach = attn.head_dim, attn.k**2, attn.k // 2
    kernel = (attn.dep_conv.weight + attn.dep_conv1.weight).reshape(d, taps, attn.k, attn.k)
    bias = (attn.dep_conv.bias + attn.dep_conv1.bias).reshape(d, taps)
    qkv = (x @ attn.qkv.weight.T + attn.qkv.bias).reshape(h, w, attn.num_heads, 3, d)
    out = torch.zeros(h, w, attn.num_heads, d)
    for y in range(h):
        for z in range(w):
            for head in range(attn.num_heads):
                gathered = torch.zeros(2, d, taps)  # of K and V
                for dy in range(attn.k):
                    for dz in range(attn.k):
                        yy, zz = y + dy - reach, z + dz - reach
                        if 0 <= yy < h and 0 <= zz < w:
                            gathered += qkv[yy, zz, head, 1:, :, None] * kernel[None, :, :, dy, dz]
                gathered += bias
                k = gathered[0] + attn.relative_position_bias_table[0, head, 0, :, 0, 0]
                share = (qkv[y, z, head, 0] * d**-0.5 @ k).softmax(0)
                out[y, z, head] = gathered[1] @ share
    return out.reshape(h, w, c) @ attn.proj.weight.T + attn.proj.bias


def test_slide_attention_is_the_published_formula(randomised) -> None:
    attn = randomised(SlideAttention(8, 2))
    x = torch.randn(4, 3, 8)
    with torch.no_grad():
        torch.testing.assert_close(attn(x[None])[0], by_definition(attn, x), rtol=1e-4, atol=1e-5)


def test_im2col_is_slide_attention_with_the_pure_shift(randomised) -> None:
    slide, im2col = randomised(SlideAttention(8, 2)), Im2ColAttention(8, 2).eval()
    fresh = SlideAttention(8, 2)
    with torch.no_grad():
        slide.dep_conv.weight.copy_(fresh.dep_conv.weight)
        for path in (slide.dep_conv.bias, slide.dep_conv1.weight, slide.dep_conv1.bias):
            path.zero_()
        shared = {k: v for k, v in slide.state_dict().items() if "dep_conv" not in k}
        im2col.load_state_dict(shared)
        x = torch.randn(2, 5, 7, 8)
        torch.testing.assert_close(im2col(x), slide(x))


def test_the_first_path_starts_as_a_shift_and_the_second_does_not() -> None:
    attn = SlideAttention(8, 2)
    assert not attn.dep_conv.weight.requires_grad and attn.dep_conv.bias.requires_grad
    tap = attn.dep_conv.weight.reshape(4, 9, 3, 3)[2, 5]
    assert tap.nonzero().tolist() == [[1, 2]]  # tap 5 reads the neighbour on the right
    assert attn.dep_conv1.weight.std() > 0.1
