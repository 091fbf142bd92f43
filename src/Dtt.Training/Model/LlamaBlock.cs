using Dtt.Core.Configuration;
using static TorchSharp.torch;

namespace Dtt.Training.Model;

/// <summary>Llama's block: RMSNorm, rotary positions, grouped queries, SwiGLU (Touvron et al. 2023, arXiv:2302.13971, section 2.2, and arXiv:2307.09288, section 2.2).</summary>
internal sealed class LlamaBlock : Block
{
    private readonly Rotary _rotary;
    private readonly Tensor _norm1, _qkv, _out, _norm2, _gateUp, _down;

    public LlamaBlock(ModelConfig config, FlatParameters p, int layer, Rotary rotary) : base(config)
    {
        var h = $"model.layers.{layer}.";
        _rotary = rotary;
        (_norm1, _qkv, _out) = (p[h + "input_layernorm.weight"], p[h + "self_attn.qkv_proj.weight"], p[h + "self_attn.o_proj.weight"]);
        (_norm2, _gateUp, _down) = (p[h + "post_attention_layernorm.weight"], p[h + "mlp.gate_up_proj.weight"], p[h + "mlp.down_proj.weight"]);
    }

    public override IReadOnlyList<Tensor> Weights => [_norm1, _qkv, _out, _norm2, _gateUp, _down];

    protected override Tensor Attention(Tensor x, Tape tape, double dropout, LayerCache? cache)
    {
        x = tape.RmsNorm(x, _norm1, Config.NormEpsilon);
        x = tape.Linear(x, _qkv);                                                                  // (B, T, C) -> (B, T, (nh + 2 nkv) hs)
        if (TakesShortAttention(x, dropout, cache))
        {
            x = tape.Of(x, qkv =>
            {
                var (q, k, v) = Heads(qkv, position: 0);
                return cat([q, k, v], 1).transpose(1, 2).reshape(qkv.shape);                        // (B, nh + 2 nkv, T, hs) -> (B, T, (nh + 2 nkv) hs)
            });
            return tape.Linear(tape.ShortAttention(x, Config.NumHeads, Config.NumKvHeads, Config.Causal), _out);
        }

        x = tape.Of(x, qkv =>
        {
            var (q, k, v) = Heads(qkv, cache?.Length ?? 0);
            if (cache is not null) (k, v) = cache.Append(k, v);                                    // (B, nkv, S + T, hs)
            return Attend(q, Shared(k), Shared(v), dropout);
        });
        return tape.Linear(x, _out);
    }

    protected override Tensor Mlp(Tensor x, Tape tape)
    {
        x = tape.RmsNorm(x, _norm2, Config.NormEpsilon);
        x = tape.Linear(x, _gateUp);                                                               // (B, T, C) -> (B, T, 2M)
        x = tape.SwiGlu(x);                                                                        // (B, T, 2M) -> (B, T, M)
        return tape.Linear(x, _down);                                                              // (B, T, M) -> (B, T, C)
    }

    /// <summary>(B, T, (nh + 2 nkv) hs) → queries (B, nh, T, hs), keys and values (B, nkv, T, hs), the first two turned.</summary>
    private (Tensor Queries, Tensor Keys, Tensor Values) Heads(Tensor qkv, long position)
    {
        var (b, t, hs, nh, nkv) = (qkv.shape[0], qkv.shape[1], Config.HeadDim, Config.NumHeads, Config.NumKvHeads);
        Tensor Part(long first, long count) => qkv.narrow(2, first * hs, count * hs).view(b, t, count, hs).transpose(1, 2);
        return (_rotary.Turn(Part(0, nh), position), _rotary.Turn(Part(nh, nkv), position), Part(nh + nkv, nkv));
    }

    /// <summary>(B, nkv, S, hs) → (B, nh, S, hs): every head of keys or values stands for a group of queries.</summary>
    private Tensor Shared(Tensor x)
    {
        long group = Config.NumHeads / Config.NumKvHeads;
        return group == 1 ? x : x.unsqueeze(2).expand(x.shape[0], x.shape[1], group, x.shape[2], x.shape[3]).reshape(x.shape[0], -1, x.shape[2], x.shape[3]);
    }
}
