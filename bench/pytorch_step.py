#!/usr/bin/env python3
"""The peer of `dtt bench --peer "python3 bench/pytorch_step.py"`: GPT-2 as PyTorch users write it, a step for every line read.

bf16 by autocast over fp32 weights, SDPA where this PyTorch has it, AdamW (foreach where it is the default).
"""
import math
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

layers, heads, width, mlp, context, vocab, batch, tokens, threads = map(int, sys.argv[1:10])
bf16 = sys.argv[10] == "bf16"
torch.set_num_threads(threads)
torch.manual_seed(1)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.fc, self.out = nn.Linear(width, mlp), nn.Linear(mlp, width)

    def forward(self, x):
        b, t, _ = x.shape
        q, k, v = (a.view(b, t, heads, -1).transpose(1, 2) for a in self.attn(self.ln_1(x)).chunk(3, -1))
        if hasattr(F, "scaled_dot_product_attention"):
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            scores = (q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])).masked_fill(MASK, -math.inf)
            y = scores.softmax(-1) @ v
        x = x + self.proj(y.transpose(1, 2).reshape(b, t, width))
        return x + self.out(F.gelu(self.fc(self.ln_2(x)), approximate="tanh"))


class Gpt(nn.Module):
    def __init__(self):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(vocab, width), nn.Embedding(context, width)
        self.blocks, self.ln_f = nn.Sequential(*[Block() for _ in range(layers)]), nn.LayerNorm(width)

    def forward(self, ids):
        x = self.blocks(self.wte(ids) + self.wpe(torch.arange(ids.shape[1])))
        return F.linear(self.ln_f(x), self.wte.weight)


def initialize(module):
    """GPT-2's first weights: torch's own for an embedding make logits of hundreds, and a softmax of denormal numbers."""
    if isinstance(module, (nn.Linear, nn.Embedding)):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)


MASK = torch.ones(tokens, tokens).triu(1).bool()
model = Gpt().apply(initialize)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.1)
inputs, targets = torch.randint(0, vocab, (batch, tokens)), torch.randint(0, vocab, (batch * tokens,))
print(f"PyTorch {torch.__version__}, {'bf16 autocast' if bf16 else 'fp32'}, {threads} threads", flush=True)
for _ in sys.stdin:
    start = time.perf_counter()
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
        loss = F.cross_entropy(model(inputs).view(-1, vocab), targets)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    print(time.perf_counter() - start, flush=True)
