using System.Diagnostics;
using Dtt.Core.Configuration;
using Dtt.Training.Kernels;
using Dtt.Training.Native;
using static TorchSharp.torch;

namespace Dtt.Training.Benchmarks;

/// <summary>One block's attention, forward and backward, within documents and over whole windows; documents have prose's spread of lengths.</summary>
internal sealed class AttentionBench : IDisposable
{
    private const double MedianTokens = 200, Spread = 0.8;   // of a log-normal, whose mean is 275
    private const int Repeats = 8;
    private readonly IKernels _kernels = IKernels.Of(CPU);
    private readonly AttentionShape _shape;
    private readonly Tensor _heads, _gradient, _inputs;

    /// <summary>Random queries, keys and values of a model's shape.</summary>
    public AttentionBench(ModelConfig model, int batch, int context, bool bf16)
    {
        var (queries, keys, type) = (model.NumHeads, model.NumKvHeads, bf16 ? ScalarType.BFloat16 : ScalarType.Float32);
        _shape = new AttentionShape(queries, keys, Causal: true, model.FlashAttention);
        Seeds.Set(CPU, 1);
        _heads = randn(batch, context, (queries + 2 * keys) * model.HeadDim).to(type);
        _gradient = randn(batch, context, queries * model.HeadDim).to(type);
        _inputs = tensor(Ids(batch * context), [batch, context]);
    }

    /// <summary>Seconds within documents, finding them included.</summary>
    public double SecondsWithin()
    {
        using var documents = new Documents(_inputs, endOfText: 0);
        return Seconds(documents);
    }

    /// <summary>Seconds over whole windows.</summary>
    public double SecondsOverAll() => Seconds(null);

    public void Dispose()
    {
        _heads.Dispose();
        _gradient.Dispose();
        _inputs.Dispose();
    }

    private double Seconds(Documents? documents)
    {
        using var noGrad = no_grad();
        var clock = Stopwatch.StartNew();
        for (var i = 0; i < Repeats; i++)
        {
            using var scope = NewDisposeScope();
            var (_, saved) = _kernels.Attention(_heads, _shape, documents, dropout: 0, save: true);
            _kernels.AttentionBackward(_gradient, saved!);
        }

        return clock.Elapsed.TotalSeconds / Repeats;
    }

    /// <summary>0 where a document begins, else 1.</summary>
    private static long[] Ids(int count)
    {
        var (ids, random) = (Enumerable.Repeat(1L, count).ToArray(), new Random(1));
        for (var at = 0; at < count;)
        {
            ids[at] = 0;
            var normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
            at += Math.Max(1, (int)(MedianTokens * Math.Exp(Spread * normal)));
        }

        return ids;
    }
}
