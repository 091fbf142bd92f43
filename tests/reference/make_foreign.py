#!/usr/bin/env python3
"""Tiny files as nanoGPT, the Python DTT, llm.c and nanochat leave them, and what the models compute: python3 make_foreign.py (Debian: python3-torch 1.13).

The modules have the names and shapes that those programs' state_dicts have; torch.save and pickle write the files, as they do there. Weights are random,
the arithmetic is fp64 on what was saved.
"""
import json
import math
import pickle
import struct
import sys
import types
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

C, HEADS, LAYERS, T = 16, 2, 2, 12
HERE = Path(__file__).parent
TOKENS = [5, 70, 256, 257, 33, 120, 9, 200, 255, 0, 64, 88]


class Norm(nn.Module):
    def __init__(self, bias):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(C))
        self.bias = nn.Parameter(torch.zeros(C)) if bias else None

    def forward(self, x):
        return F.layer_norm(x, (C,), self.weight, self.bias, 1e-5)


def attend(qkv):
    q, k, v = (t.view(1, T, HEADS, C // HEADS).transpose(1, 2) for t in qkv.split(C, dim=2))
    future = torch.ones(T, T).triu(1).bool()
    return ((q @ k.transpose(-2, -1) / math.sqrt(C // HEADS)).masked_fill(future, -math.inf).softmax(-1) @ v).transpose(1, 2).reshape(1, T, C)


class NanoAttention(nn.Module):
    def __init__(self, bias):
        super().__init__()
        self.c_attn, self.c_proj = nn.Linear(C, 3 * C, bias=bias), nn.Linear(C, C, bias=bias)
        self.register_buffer("bias", torch.ones(T, T).tril().view(1, 1, T, T))


class NanoMlp(nn.Module):
    def __init__(self, bias):
        super().__init__()
        self.c_fc, self.c_proj = nn.Linear(C, 4 * C, bias=bias), nn.Linear(4 * C, C, bias=bias)


class NanoBlock(nn.Module):
    def __init__(self, bias):
        super().__init__()
        self.ln_1, self.attn, self.ln_2, self.mlp = Norm(bias), NanoAttention(bias), Norm(bias), NanoMlp(bias)

    def forward(self, x):
        x = x + self.attn.c_proj(attend(self.attn.c_attn(self.ln_1(x))))
        return x + self.mlp.c_proj(F.gelu(self.mlp.c_fc(self.ln_2(x))))


class Nano(nn.Module):
    def __init__(self, vocab, bias):
        super().__init__()
        self.transformer = nn.ModuleDict(dict(
            wte=nn.Embedding(vocab, C), wpe=nn.Embedding(T, C), h=nn.ModuleList([NanoBlock(bias) for _ in range(LAYERS)]), ln_f=Norm(bias)))
        self.lm_head = nn.Linear(C, vocab, bias=False)
        self.lm_head.weight = self.transformer.wte.weight

    def forward(self, tokens):
        x = self.transformer.wte(tokens) + self.transformer.wpe(torch.arange(T))
        for block in self.transformer.h:
            x = block(x)
        return self.lm_head(self.transformer.ln_f(x))


class DttEmbedding(nn.Module):
    def __init__(self, vocab):
        super().__init__()
        self.token_embedding, self.positional_embedding = nn.Embedding(vocab, C), nn.Embedding(T, C)


class DttAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv, self.out = nn.Linear(C, 3 * C, bias=False), nn.Linear(C, C)
        self.register_buffer("mask", torch.ones(T, T).tril().view(1, 1, T, T))


class DttMlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer_1, self.layer_2 = nn.Linear(C, 40), nn.Linear(40, C)


class DttBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.layernorm_1, self.attention, self.layernorm_2, self.feedforward = nn.LayerNorm(C), DttAttention(), nn.LayerNorm(C), DttMlp()

    def forward(self, x):
        x = x + self.attention.out(attend(self.attention.qkv(self.layernorm_1(x))))
        return x + self.feedforward.layer_2(F.gelu(self.feedforward.layer_1(self.layernorm_2(x))))


class Dtt(nn.Module):
    def __init__(self, vocab):
        super().__init__()
        self.embed, self.blocks, self.unembed = DttEmbedding(vocab), nn.Sequential(*[DttBlock() for _ in range(LAYERS)]), nn.Linear(C, vocab)
        self.unembed.weight = self.embed.token_embedding.weight

    def forward(self, tokens):
        return self.unembed(self.blocks(self.embed.token_embedding(tokens) + self.embed.positional_embedding(torch.arange(T))))


class Wrapped(nn.Module):
    """What DistributedDataParallel and torch.compile make of the names."""
    def __init__(self, name, inner):
        super().__init__()
        self.add_module(name, inner)


def fill(model):
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(torch.randn(p.shape) * 0.2 + (1 if p.dim() == 1 and "weight" in name else 0))
    return model


def logits(model):
    with torch.no_grad():
        return [round(v, 9) for v in model.double()(torch.tensor([TOKENS])).flatten().tolist()]


def merges():
    """As bpekit pickles them: ((left, right), id), bytes by their value first."""
    joined, ids = [], {bytes([b]): b for b in range(256)}
    for left, right in [(b"t", b"h"), (b"th", b"e"), (b" ", b"the"), (b"\xe6", b"\xbc")]:
        ids[left + right] = 256 + len(joined)
        joined.append(((ids[left], ids[right]), ids[left + right]))
    return joined


def nanochat():
    """An Encoding of tiktoken's, whose class need not be here: its reduce is object's, its state a dictionary."""
    module = types.ModuleType("tiktoken.core")

    class Encoding:
        def __getstate__(self):
            return self.state

    Encoding.__module__, Encoding.__qualname__ = "tiktoken.core", "Encoding"
    module.Encoding = Encoding
    sys.modules["tiktoken"], sys.modules["tiktoken.core"] = types.ModuleType("tiktoken"), module
    ranks = {bytes([b]): b for b in range(256)}
    for token in (b"th", b"the", b" the", b"12", b"ab"):
        ranks[token] = len(ranks)
    special = {name: len(ranks) + i for i, name in enumerate(["<|bos|>", "<|user_start|>", "<|user_end|>"])}
    encoding = Encoding()
    encoding.state = {
        "name": "rustbpe",
        "pat_str": r"""'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,2}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+""",
        "mergeable_ranks": ranks, "special_tokens": special,
    }
    return encoding


def main():
    torch.manual_seed(7)
    folder = HERE / "foreign"
    folder.mkdir(exist_ok=True)
    expected = {"tokens": TOKENS}

    nano = fill(Nano(264, bias=True))
    arguments = dict(n_layer=LAYERS, n_head=HEADS, n_embd=C, block_size=T, bias=True, vocab_size=264, dropout=0.0)
    optimizer = torch.optim.AdamW(nano.parameters(), lr=1e-3, betas=(0.9, 0.95))
    nano(torch.tensor([TOKENS])).sum().backward()
    optimizer.step()
    checkpoint = {
        "model": OrderedDict(("_orig_mod." + k, v) for k, v in nano.state_dict().items()), "optimizer": optimizer.state_dict(), "model_args": arguments,
        "iter_num": 1500, "best_val_loss": torch.tensor(2.5), "config": {"out_dir": "out", "learning_rate": 6e-4, "compile": True, "seed": 1 << 40},
    }
    torch.save(checkpoint, folder / "ckpt.pt")
    expected["ckpt.pt"] = logits(nano)

    plain = fill(Nano(259, bias=False))
    half = OrderedDict((k, v.bfloat16()) for k, v in plain.state_dict().items())
    half["lm_head.weight"] = half["transformer.wte.weight"].clone()  # a head of its own with the same values
    torch.save({"model": half, "model_args": dict(arguments, bias=False, vocab_size=259), "iter_num": 0}, folder / "bare.pt")
    plain.load_state_dict({k: v.float() for k, v in half.items()})
    expected["bare.pt"] = logits(plain)

    dtt = fill(Dtt(260))
    (folder / "dtt").mkdir(exist_ok=True)
    torch.save(Wrapped("_orig_mod", Wrapped("module", dtt)).state_dict(), folder / "dtt" / "model.pt")
    (folder / "dtt" / "config.yaml").write_text(
        "d_mlp: 40\nd_model: 16\nmask_type: causal\nn_heads: 2\noptimizer: !!python/object:dtt.utils.config.ParamAttribute\n  name: adamw\n  n_heads: 99\n")
    expected["dtt/model.pt"] = logits(dtt)

    with open(folder / "merges.pkl", "wb") as f:
        pickle.dump(merges(), f)
    with open(folder / "tokenizer.pkl", "wb") as f:
        pickle.dump(nanochat(), f)
    np.save(folder / "0_train_000000.npy", np.array([116, 257, 256, 0, 259], dtype=np.uint32))
    (folder / "expected.json").write_text(json.dumps(expected))


if __name__ == "__main__":
    main()
