#!/usr/bin/env python3
"""Tiny Hugging Face folders and what their models compute: python3 make_huggingface.py (Debian: python3-torch 1.13).

Written from the classes' definitions in transformers: GPT2LMHeadModel with its Conv1D layers (weights as in, out: x @ W + b),
LlamaForCausalLM with separate q, k, v, gate and up and rotate_half, Qwen3ForCausalLM with q_norm and k_norm on each head besides.
Weights are random, the arithmetic is fp64.
"""
import json
import math
import struct
from pathlib import Path

import torch
import torch.nn.functional as F

VOCAB, T, LAYERS = 259, 12, 2
HERE = Path(__file__).parent


def save(folder, tensors, kind="F32"):
    header, blobs, at = {}, [], 0
    for name, tensor in tensors.items():
        if kind == "BF16":
            blob = tensor.bfloat16().view(torch.int16).numpy().tobytes()
        else:
            blob = tensor.float().numpy().tobytes()
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [at, at + len(blob)]}
        blobs.append(blob)
        at += len(blob)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def tokenizer():
    """Bytes in GPT-2's order, two merges, end of text."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = [chr(b) for b in printable] + [chr(256 + i) for i in range(256 - len(printable))]
    vocab = {c: i for i, c in enumerate(letters)}
    vocab["th"], vocab["the"], vocab["<|endoftext|>"] = 256, 257, 258
    return {"version": "1.0", "truncation": None, "padding": None,
            "added_tokens": [{"id": 258, "content": "<|endoftext|>", "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}],
            "normalizer": None, "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
            "post_processor": None, "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
            "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
                      "fuse_unk": False, "byte_fallback": False, "ignore_merges": False, "vocab": vocab, "merges": [["t", "h"], ["th", "e"]]}}


def norm(*shape):
    return (torch.randn(*shape) * 0.2).float().double()


def attend(q, k, v):
    future = torch.ones(T, T).triu(1).bool()
    return ((q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])).masked_fill(future, -math.inf).softmax(-1) @ v).transpose(1, 2).reshape(1, T, -1)


def gpt2(tokens):
    c, heads, mlp = 16, 2, 48
    w = {"wte.weight": norm(VOCAB, c), "wpe.weight": norm(T, c)}
    for i in range(LAYERS):
        h = f"h.{i}."
        for n in ("ln_1", "ln_2"):
            w[h + n + ".weight"], w[h + n + ".bias"] = 1 + norm(c), norm(c)
        for n, (a, b) in {"attn.c_attn": (c, 3 * c), "attn.c_proj": (c, c), "mlp.c_fc": (c, mlp), "mlp.c_proj": (mlp, c)}.items():
            w[h + n + ".weight"], w[h + n + ".bias"] = norm(a, b), norm(b)
    w["ln_f.weight"], w["ln_f.bias"] = 1 + norm(c), norm(c)
    x = w["wte.weight"][tokens] + w["wpe.weight"]
    for i in range(LAYERS):
        def conv(x, n):
            return x @ w[f"h.{i}.{n}.weight"] + w[f"h.{i}.{n}.bias"]
        q, k, v = conv(F.layer_norm(x, (c,), w[f"h.{i}.ln_1.weight"], w[f"h.{i}.ln_1.bias"]), "attn.c_attn").split(c, -1)
        q, k, v = (t.view(1, T, heads, -1).transpose(1, 2) for t in (q, k, v))
        x = x + conv(attend(q, k, v), "attn.c_proj")
        x = x + conv(F.gelu(conv(F.layer_norm(x, (c,), w[f"h.{i}.ln_2.weight"], w[f"h.{i}.ln_2.bias"]), "mlp.c_fc"), approximate="tanh"), "mlp.c_proj")
    logits = F.layer_norm(x, (c,), w["ln_f.weight"], w["ln_f.bias"]) @ w["wte.weight"].T
    config = {"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "vocab_size": VOCAB, "n_positions": T, "n_ctx": T, "n_embd": c, "n_layer": LAYERS,
              "n_head": heads, "n_inner": mlp, "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5, "bos_token_id": 258, "eos_token_id": 258}
    return config, w, logits


def llama(tokens, head_norms=False):
    c, heads, kv, mlp, theta, eps = 24, 4, 2, 40, 1e6 if head_norms else 5000.0, 1e-6
    head = 16 if head_norms else c // heads
    w = {"model.embed_tokens.weight": norm(VOCAB, c)}
    for i in range(LAYERS):
        h = f"model.layers.{i}."
        w[h + "input_layernorm.weight"], w[h + "post_attention_layernorm.weight"] = 1 + norm(c), 1 + norm(c)
        for n, (o, a) in {"self_attn.q_proj": (heads * head, c), "self_attn.k_proj": (kv * head, c), "self_attn.v_proj": (kv * head, c),
                          "self_attn.o_proj": (c, heads * head), "mlp.gate_proj": (mlp, c), "mlp.up_proj": (mlp, c), "mlp.down_proj": (c, mlp)}.items():
            w[h + n + ".weight"] = norm(o, a)
        for n in ("q_norm", "k_norm") if head_norms else ():
            w[h + f"self_attn.{n}.weight"] = 1 + norm(head)
    w["model.norm.weight"], w["lm_head.weight"] = 1 + norm(c), norm(VOCAB, c)
    w = {n: t.bfloat16().double() for n, t in w.items()}

    def rms(x, weight):
        return weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps))

    angles = torch.outer(torch.arange(T).double(), 1.0 / (theta ** (torch.arange(0, head, 2).double() / head)))
    cos, sin = torch.cat([angles, angles], -1).cos(), torch.cat([angles, angles], -1).sin()

    def rotary(x):
        half = torch.cat([-x[..., head // 2:], x[..., : head // 2]], -1)
        return x * cos + half * sin

    x = w["model.embed_tokens.weight"][tokens]
    for i in range(LAYERS):
        def linear(x, n):
            return F.linear(x, w[f"model.layers.{i}.{n}.weight"])
        a = rms(x, w[f"model.layers.{i}.input_layernorm.weight"])
        q, k, v = (linear(a, f"self_attn.{n}_proj").view(1, T, -1, head).transpose(1, 2) for n in "qkv")
        if head_norms:
            q, k = (rms(t, w[f"model.layers.{i}.self_attn.{n}_norm.weight"]) for t, n in ((q, "q"), (k, "k")))
        k, v = (t.repeat_interleave(heads // kv, 1) for t in (rotary(k), v))
        x = x + linear(attend(rotary(q), k, v), "self_attn.o_proj")
        a = rms(x, w[f"model.layers.{i}.post_attention_layernorm.weight"])
        x = x + linear(F.silu(linear(a, "mlp.gate_proj")) * linear(a, "mlp.up_proj"), "mlp.down_proj")
    logits = F.linear(rms(x, w["model.norm.weight"]), w["lm_head.weight"])
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": VOCAB, "hidden_size": c, "intermediate_size": mlp, "num_hidden_layers": LAYERS,
              "num_attention_heads": heads, "num_key_value_heads": kv, "max_position_embeddings": T, "hidden_act": "silu", "rms_norm_eps": eps, "rope_theta": theta,
              "attention_bias": False, "tie_word_embeddings": False, "bos_token_id": 258, "eos_token_id": 258}
    return config, w, logits


def qwen3(tokens):
    config, w, logits = llama(tokens, head_norms=True)
    config |= {"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "head_dim": 16,
               "use_sliding_window": False, "sliding_window": None, "max_window_layers": LAYERS}
    return config, w, logits


if __name__ == "__main__":
    torch.manual_seed(5)
    tokens = torch.tensor([[(11 * i * i + 5 * i + 3) % VOCAB for i in range(T)]])
    for name, make, kind in (("hf-gpt2", gpt2, "F32"), ("hf-llama", llama, "BF16"), ("hf-qwen3", qwen3, "BF16")):
        folder = HERE / name
        folder.mkdir(exist_ok=True)
        config, weights, logits = make(tokens)
        save(folder, weights, kind)
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer(), ensure_ascii=False) + "\n")
        (folder / "expected.json").write_text(json.dumps({"tokens": tokens[0].tolist(), "logits": [float(f"{v:.8g}") for v in logits.flatten().tolist()]}, separators=(",", ":")) + "\n")
