using Dtt.Core.Configuration;
using Dtt.Training.Optimizers;
using static TorchSharp.torch;

namespace Dtt.Training.Tests.Optimizers;

public sealed class AdamTests
{
    /// <summary>A collection between the making of a number and its use once gave steps with a wrong learning rate, or none.</summary>
    [Fact]
    public void Step_WhileTheCollectorNeverRests_GivesTheSameBits()
    {
        const int steps = 80;
        using var scope = NewDisposeScope();
        var undisturbed = Train(steps);
        using var done = new CancellationTokenSource();
        var collector = new Thread(() =>
        {
            while (!done.IsCancellationRequested)
            {
                GC.Collect(0);
                GC.WaitForPendingFinalizers();
            }
        });
        collector.Start();
        try
        {
            Assert.Equal(undisturbed, Train(steps));
        }
        finally
        {
            done.Cancel();
            collector.Join();
        }
    }

    private static byte[] Train(int steps)
    {
        var gpt = Tiny.WithFormulaWeights(Tiny.Model("gpt2", dropout: 0.1));
        var (inputs, targets) = Tiny.Batch();
        var config = new OptimizerConfig { Name = "adamw", WeightDecay = 0.1, Beta1 = 0.9, Beta2 = 0.95, Epsilon = 1e-8 };
        using var optimizer = Optimizer.Of(config, gpt.Parameters);
        for (var step = 1; step <= steps; step++)
        {
            using var scope = NewDisposeScope();
            _ = gpt.ForwardBackward(inputs, targets, 0.1, (ulong)step);
            optimizer.Step(step, 1e-3, 0.9, clip: 1);
        }

        return Tiny.Bytes(gpt.Parameters.Master);
    }
}
