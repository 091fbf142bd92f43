using Dtt.Core.Configuration;
using Dtt.Data.Order;
using Dtt.Training.Collectives;
using Dtt.Training.Model;
using Dtt.Training.Optimizers;
using static TorchSharp.torch;

namespace Dtt.Training.Tests.Collectives;

/// <summary>What several ranks compute together is what one computes alone.</summary>
public sealed class DataParallelTests(ITestOutputHelper output)
{
    private const int Windows = 6, MicroBatch = 1;
    private const double Tolerance = 1e-6; // of the largest gradient: fp32 sums in another order

    private static readonly OptimizerConfig _adamW = new() { Name = "adamw", WeightDecay = 0.1, Beta1 = 0.9, Beta2 = 0.95, Epsilon = 1e-8, Momentum = 0.9 };

    [Theory]
    [InlineData("gpt2", 2)]
    [InlineData("gpt2", 4)] // six micro-batches on four ranks: 1, 2, 1, 2
    [InlineData("dtt", 3)]
    [InlineData("llama", 2)]
    [InlineData("qwen3", 2)]
    [InlineData("gpt2", 4, true)]
    [InlineData("llama", 3, true)]
    public void Gradients_OfNRanks_AreThoseOfOne(string architecture, int world, bool documentMask = false)
    {
        using var scope = NewDisposeScope();
        var alone = Tiny.Values(WithGradient(architecture, documentMask, null).Parameters.Gradient!);
        var together = new float[world][];
        Ring.Together(world, ring =>
        {
            using var mine = NewDisposeScope();
            together[ring.Rank] = Tiny.Values(WithGradient(architecture, documentMask, ring).Parameters.Gradient!);
        });
        var worst = together.Max(values => alone.Zip(values).Max(v => Math.Abs(v.First - v.Second))) / alone.Max(Math.Abs);
        output.WriteLine($"worst gradient error {worst:0.0e+00} of the largest");
        Assert.InRange(worst, 0, Tolerance);
        Assert.All(together, values => Assert.Equal(together[0], values));
    }

    [Theory]
    [InlineData("adamw", "gpt2", 2, 0)]
    [InlineData("adam", "gpt2", 3, 0)]
    [InlineData("sgd", "gpt2", 2, 0)]
    [InlineData("muon", "gpt2", 2, 0)]
    [InlineData("muon", "llama", 5, 1e-5)] // its shares end between matrices, so five ranks' sums have another order; no biases, whose gradient may be noise
    public void SharedState_UpdatesAsAWholeOneDoes_AndGathersToIt(string name, string architecture, int world, double tolerance)
    {
        using var scope = NewDisposeScope();
        var config = _adamW with { Name = name };
        var (weights, state) = (new float[world][], new float[world][]);
        Ring.Together(world, ring =>
        {
            using var mine = NewDisposeScope();
            foreach (var shared in new[] { true, false })
            {
                var gpt = Tiny.WithFormulaWeights(Tiny.Model(architecture));
                using var optimizer = Optimizer.Of(config, gpt.Parameters, shared ? ring : null);
                for (var step = 1; step <= 3; step++)
                {
                    AddGradient(gpt, ring);
                    if (shared) optimizer.ReduceScatter();
                    else ring.AllReduce(gpt.Parameters.Gradient!);
                    optimizer.Step(step, 1e-3, 0.9, clip: 0); // no clipping: a shared norm is summed in another order
                }

                using var whole = optimizer.Gather();
                float[] gathered = [.. whole.Tensors().SelectMany(t => Tiny.Values(t.View))];
                if (shared) (weights[ring.Rank], state[ring.Rank]) = (Tiny.Values(gpt.Parameters.Master), gathered);
                else Assert.InRange(Worst(weights[ring.Rank], Tiny.Values(gpt.Parameters.Master)) + Worst(state[ring.Rank], gathered), 0, tolerance);
            }
        });
        Assert.All(weights, w => Assert.Equal(weights[0], w));
        Assert.All(state, s => Assert.Equal(state[0], s));
    }

    private static double Worst(float[] a, float[] b)
    {
        Assert.Equal(a.Length, b.Length);
        return a.Zip(b).Max(v => Math.Abs(v.First - v.Second));
    }

    private static Gpt WithGradient(string architecture, bool documentMask, ICollective? ring)
    {
        var gpt = Tiny.WithFormulaWeights(Tiny.Model(architecture, dropout: documentMask ? 0 : 0.1) with { DocumentMask = documentMask });
        AddGradient(gpt, ring);
        ring?.AllReduce(gpt.Parameters.Gradient!);
        return gpt;
    }

    /// <summary>The gradient of this rank's micro-batches of one global batch.</summary>
    private static void AddGradient(Gpt gpt, ICollective? ring)
    {
        var (inputs, targets) = Tiny.Batch(Windows);
        var (from, to) = StepPlan.DealtTo(ring?.Rank ?? 0, ring?.WorldSize ?? 1, Windows / MicroBatch);

        // torch's random state is the process's, and these ranks are threads.
        lock (typeof(DataParallelTests))
        {
            for (var micro = from; micro < to; micro++)
            {
                Tensor Part(Tensor whole) => whole.narrow(0, micro * MicroBatch, MicroBatch);
                _ = gpt.ForwardBackward(Part(inputs), Part(targets), 1.0 / targets.numel(), dropoutSeed: (ulong)micro);
            }
        }
    }
}
