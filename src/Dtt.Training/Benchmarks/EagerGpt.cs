using System.Diagnostics;
using Dtt.Core.Configuration;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Dtt.Training.Benchmarks;

/// <summary>GPT-2 as one writes it with TorchSharp's modules and its built-in AdamW: what DTT's own trainer is measured against on the same libtorch.</summary>
internal sealed class EagerGpt : nn.Module<Tensor, Tensor>
{
    private const double InitScale = 0.02;

    private readonly ModelConfig _config;
    private readonly Embedding _tokens, _positions;
    private readonly ModuleList<nn.Module<Tensor, Tensor>> _parts = [];
    private readonly LayerNorm _norm;
    private readonly optim.Optimizer _optimizer;
    private readonly Tensor _inputs, _targets;

    public EagerGpt(ModelConfig config, int batch, int context, bool bf16) : base("eager")
    {
        _config = config;
        long c = config.ModelDim;
        (_tokens, _positions, _norm) = (nn.Embedding(config.VocabSize, c), nn.Embedding(config.ContextLength, c), nn.LayerNorm(c));
        for (var i = 0; i < config.NumLayers; i++)
        {
            foreach (var module in new nn.Module<Tensor, Tensor>[]
            {
                nn.LayerNorm(c), nn.Linear(c, 3 * c), nn.Linear(c, c),
                nn.LayerNorm(c), nn.Linear(c, config.MlpDim), nn.Linear(config.MlpDim, c),
            }) _parts.Add(module);
        }

        RegisterComponents();
        FirstWeights();
        if (bf16) this.to(ScalarType.BFloat16);
        _optimizer = optim.AdamW(parameters(), lr: 1e-4, weight_decay: 0.1);
        using var scope = NewDisposeScope();
        _inputs = randint(0, config.VocabSize, [batch, context], dtype: ScalarType.Int64).DetachFromDisposeScope();
        _targets = randint(0, config.VocabSize, [batch * context], dtype: ScalarType.Int64).DetachFromDisposeScope();
    }

    /// <summary>(B, T) → (B, T, V).</summary>
    public override Tensor forward(Tensor input)
    {
        var (b, t, c) = (input.shape[0], input.shape[1], (long)_config.ModelDim);
        var x = _tokens.call(input).add(_positions.weight!.narrow(0, 0, t), Native.Number.One);
        for (var i = 0; i < _parts.Count; i += 6)
        {
            var qkv = _parts[i + 1].call(_parts[i].call(x)).view(b, t, 3, _config.NumHeads, _config.HeadDim).permute(2, 0, 3, 1, 4);
            var y = F.scaled_dot_product_attention(qkv.select(0, 0), qkv.select(0, 1), qkv.select(0, 2), is_casual: true).transpose(1, 2).reshape(b, t, c);
            x = x.add(_parts[i + 2].call(y), Native.Number.One);
            x = x.add(_parts[i + 5].call(F.gelu(_parts[i + 4].call(_parts[i + 3].call(x)), GELU.Approximate.tanh)), Native.Number.One);
        }

        return F.linear(_norm.call(x), _tokens.weight!);
    }

    /// <summary>
    /// GPT-2's: torch's own embeddings would make logits of hundreds, and of their softmax denormal numbers, which some CPUs multiply at a hundredth of
    /// their rate.
    /// </summary>
    private void FirstWeights()
    {
        using var noGrad = no_grad();
        foreach (var (name, weight) in named_parameters())
        {
            if (weight.dim() == 2) nn.init.normal_(weight, 0, InitScale);
            else if (name.EndsWith("bias", StringComparison.Ordinal)) nn.init.zeros_(weight);
        }
    }

    /// <summary>Seconds of one step.</summary>
    public double Seconds()
    {
        var clock = Stopwatch.StartNew();
        using var scope = NewDisposeScope();
        _optimizer.zero_grad();
        F.cross_entropy(call(_inputs).view(-1, _config.VocabSize).to(ScalarType.Float32), _targets).backward();
        nn.utils.clip_grad_norm_(parameters(), 1);
        _optimizer.step();
        return clock.Elapsed.TotalSeconds;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _optimizer.Dispose();
            _inputs.Dispose();
            _targets.Dispose();
        }

        base.Dispose(disposing);
    }
}
