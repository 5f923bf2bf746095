"""The encoder of a vision transformer, Dosovitskiy et al. 2020 (arXiv 2010.11929)."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn
from torch.nn import functional

EPSILON = 1e-6


class DotProductAttention(nn.Module):
    """softmax(q k^T / sqrt(d)) v for ``q``, ``k``, ``v`` (B, head, token, d), without weights."""

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return functional.scaled_dot_product_attention(q, k, v)


class SelfAttention(nn.Module):
    """Multi-head self-attention of tokens (B, token, ``dim``); ``heads`` divides ``dim``."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        # One layer of all three, whose counts and values are those of three layers.
        self.query_key_value = nn.Linear(dim, 3 * dim)
        self.attention = DotProductAttention()
        self.output = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, dim = x.shape
        parts = self.query_key_value(x).reshape(batch, tokens, 3, self.heads, dim // self.heads)
        q, k, v = parts.permute(2, 0, 3, 1, 4).unbind(0)
        joined = self.attention(q, k, v).transpose(1, 2).reshape(batch, tokens, dim)
        return cast(Tensor, self.output(joined))


class TransformerLayer(nn.Module):
    """Self-attention and a two-layer perceptron, each after layer normalisation, each added to x.

    ``mlp`` is the number of hidden units of the perceptron.
    """

    def __init__(self, dim: int, heads: int, mlp: int, dropout: float) -> None:
        super().__init__()
        self.attention = nn.Sequential(nn.LayerNorm(dim, eps=EPSILON), SelfAttention(dim, heads))
        self.mlp = nn.Sequential(
            nn.LayerNorm(dim, eps=EPSILON),
            nn.Linear(dim, mlp),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(mlp, dim),
            nn.Dropout(dropout),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(x)
        return x + cast(Tensor, self.mlp(x))


def xavier_initialise(network: nn.Module) -> None:
    """Linear layers uniform as in Glorot and Bengio 2010, biases 0: as ViT does."""
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
