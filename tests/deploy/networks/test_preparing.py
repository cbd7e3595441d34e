"""What is found in a network, and what its proof lets through."""

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from own_networks import MapSlide, SwinAttention, TokenSlide, TwoBranches, build
from torch import Tensor, nn

from slide_mobile.deploy.forms import PLAIN
from slide_mobile.deploy.networks import Network, Prepared, prepare
from slide_mobile.deploy.networks.slide import slide_attention
from slide_mobile.deploy.split_taps import TapAttention
from slide_mobile.models.layers.window_attention import WindowAttention
from slide_mobile.parity.metrics import sqnr_db
from slide_mobile.tasks import Layout

IMAGES = [torch.rand(1, 3, 32, 48, generator=torch.Generator().manual_seed(i)) for i in range(2)]


class OnTokens(nn.Module):
    """An image to tokens, and an attention on them."""

    def __init__(self, attn: nn.Module, dim: int) -> None:
        super().__init__()
        self.stem, self.attn = nn.Conv2d(3, dim, 4, stride=4), attn

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, L, C)."""
        return self.attn(self.stem(image).flatten(2).transpose(1, 2))


class Renamed(nn.Module):
    """Slide Attention under names of its own, with q already scaled."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.inner = TokenSlide((8, 12), dim, heads)
        self.unlike = nn.Parameter(torch.zeros(1))

    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Names that are not the published ones."""
        return {f"my_{name}": x for name, x in super().state_dict(*args, **kwargs).items()}

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, C) -> (B, L, C)."""
        return self.inner(x)


def prepared(net: nn.Module, layout: Layout = "NHWC") -> Prepared:
    network = Network(net.eval(), nn.Identity(), "NHWC")
    return prepare(network, IMAGES, layout=layout, forms=PLAIN, measure=sqnr_db)


def same(net: nn.Module, found: Prepared, layout: Layout) -> float:
    with torch.no_grad():
        expected = Network(net, nn.Identity(), layout)(IMAGES[1])
        return min(
            sqnr_db(a.numpy(), b.numpy())
            for a, b in zip(expected, found.network(IMAGES[1]), strict=True)
        )


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("kind", ["unet", "branches", "plain"])
def test_what_is_rewritten_computes_the_same(kind: str, layout: Layout) -> None:
    net = build(kind)
    before = {name: x.clone() for name, x in net.state_dict().items()}
    found = prepared(net, layout)
    assert found.rewritten and not found.left
    assert same(net, found, layout) >= 110
    assert all(torch.equal(x, before[name]) for name, x in net.state_dict().items())


def test_each_rewrite_is_named_with_its_module_and_its_decibels() -> None:
    found = {one.module: one.rewrite for one in prepared(build("unet")).rewritten}
    assert found["high.attn"] == found["low.attn"] == "Slide Attention, tap by tap"
    assert found["high.norm1"] == "LayerNorm as sums over the channels"
    assert found["merge.1"] == "BatchNorm into the convolution before it"
    assert len(found) == 7
    found = {one.module: one.rewrite for one in prepared(build("branches")).rewritten}
    assert found["attn"] == "window attention at rank 4"
    assert all(one.sqnr_db >= 100 for one in prepared(TwoBranches()).rewritten)


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("k", [3, 5])
def test_the_published_class_is_found_on_tokens(k: int, layout: Layout) -> None:
    net = OnTokens(TokenSlide((8, 12), 16, 2, k), 16).eval()
    found = prepared(net, layout)
    (one,) = found.rewritten
    assert one.module == "attn" and one.sqnr_db >= 110
    assert any(isinstance(part, TapAttention) for part in found.network.modules())


def test_a_class_that_looks_alike_but_computes_something_else_is_left_alone() -> None:
    class Masked(TokenSlide):
        """It leaves out the neighbors outside the image."""

        def around(self, x: Tensor) -> Tensor:
            return super().around(x) * 0.5

    net = OnTokens(Masked((8, 12), 16, 2), 16).eval()
    found = prepared(net)
    (left,) = found.left
    assert not found.rewritten
    assert left.module == "attn"
    assert left.reason.startswith("Slide Attention, tap by tap: it would give ")
    assert same(net, found, "NHWC") == 200


def test_a_module_that_is_called_in_two_ways_is_left_alone() -> None:
    class Twice(nn.Module):
        """One norm for two sizes of maps."""

        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.LayerNorm(3)

        def forward(self, image: Tensor) -> Tensor:
            x = image.permute(0, 2, 3, 1)
            return self.norm(x)[:, ::2] + self.norm(x[:, ::2])

    (left,) = prepared(Twice()).left
    assert left.reason.endswith("its calls differ in their arguments")


def test_a_norm_whose_convolution_has_another_reader_is_left_alone() -> None:
    class Forked(nn.Module):
        """The convolution's result is read before the norm, too."""

        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 8, 1), nn.BatchNorm2d(8)

        def forward(self, image: Tensor) -> Tensor:
            x = self.conv(image)
            return self.norm(x) + x * 3

    net = Forked().eval()
    net.norm.running_var.fill_(4.0)  # type: ignore[union-attr,operator]
    found = prepared(net)
    (left,) = found.left
    assert left.module == "norm" and same(net, found, "NHWC") == 200


def test_a_registered_class_is_rewritten_by_the_tensors_that_it_maps() -> None:
    net = OnTokens(Renamed(16, 2), 16).eval()
    assert not [one for one in prepared(net).rewritten if one.module == "attn"]

    class Known(Renamed):
        """The same, registered."""

    @slide_attention(Known)
    def tensors(module: nn.Module) -> Mapping[str, Tensor]:
        own = module.get_submodule("inner").state_dict()
        # The two paths as one, and the pure shift left out.
        merged = {
            f"dep_conv1.{name}": own[f"dep_conv.{name}"] + own[f"dep_conv1.{name}"]
            for name in ("weight", "bias")
        }
        shift = torch.zeros_like(own["dep_conv.weight"])
        rest = {name: x for name, x in own.items() if not name.startswith("dep_conv")}
        return {**rest, **merged, "dep_conv.weight": shift}

    net = OnTokens(Known(16, 2), 16).eval()
    found = prepared(net)
    assert [one.module for one in found.rewritten] == ["attn"]
    assert same(net, found, "NHWC") >= 110


def test_a_map_with_as_many_rows_as_channels_is_read_the_right_way() -> None:
    class Square(nn.Module):
        """A (B, C, H, W) map of 12 x 12 x 12."""

        def __init__(self) -> None:
            super().__init__()
            self.attn = MapSlide((0, 0), 12, 2)

        def forward(self, image: Tensor) -> Tensor:
            return self.attn(image[:, :, :12, :12].repeat(1, 4, 1, 1))[0]

    net = Square().eval()
    assert same(net, found := prepared(net), "NHWC") >= 110
    assert [one.module for one in found.rewritten] == ["attn"]


def test_window_attention_without_a_mask_and_without_a_bias() -> None:
    attn = SwinAttention(16, 4, 2)
    attn.qkv = nn.Linear(16, 48, bias=False)

    class Windows(nn.Module):
        """Windows of the first rows of tokens."""

        def __init__(self) -> None:
            super().__init__()
            self.stem, self.attn = nn.Conv2d(3, 16, 4, stride=4), attn

        def forward(self, image: Tensor) -> Tensor:
            tokens = self.stem(image).flatten(2).transpose(1, 2)
            return self.attn(tokens.reshape(6, 16, 16)).reshape(1, 96, 16)

    net = Windows().eval()
    for layout in ("NHWC", "NCHW"):
        found = prepared(net, layout)  # type: ignore[arg-type]
        assert [one.rewrite for one in found.rewritten] == ["window attention at rank 4"]
        assert same(net, found, layout) >= 110  # type: ignore[arg-type]


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_window_attention_that_cuts_its_own_windows_from_a_map(layout: Layout) -> None:
    class OnMaps(WindowAttention):
        """As torchvision has it: lists of sizes, and a mask of its own."""

        window_size, shift_size = (4, 4), (2, 2)

        def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
            return super().forward(x, self.mask())

    attn = OnMaps(16, 2, 4, map_size=(8, 12), shift=2)

    class Maps(nn.Module):
        """A map of the image, and the attention on it."""

        def __init__(self) -> None:
            super().__init__()
            self.stem, self.attn = nn.Conv2d(3, 16, 4, stride=4), attn

        def forward(self, image: Tensor) -> Tensor:
            return self.attn(self.stem(image).permute(0, 2, 3, 1))

    net = Maps().eval()
    found = prepared(net, layout)
    assert [one.module for one in found.rewritten] == ["attn"]
    assert same(net, found, layout) >= 110
