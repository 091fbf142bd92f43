using Dtt.Core.Configuration;
using Dtt.Training.Native;
using Dtt.Training.Optimizers;
using static TorchSharp.torch;

namespace Dtt.Training.Tests.Optimizers;

public sealed class OptimizerTests
{
    /// <summary>The host may see the norm only after the next step is queued: that one must change nothing either.</summary>
    [Theory]
    [InlineData("adamw")]
    [InlineData("adam")]
    [InlineData("sgd")]
    [InlineData("muon")]
    public void Step_AfterAGradientThatIsNotFinite_ChangesNothingAnyMore(string name)
    {
        using var scope = NewDisposeScope();
        var gpt = Tiny.WithFormulaWeights(Tiny.Model("gpt2"));
        var config = new OptimizerConfig { Name = name, WeightDecay = 0.1, Beta1 = 0.9, Beta2 = 0.95, Epsilon = 1e-8, Momentum = 0.9 };
        using var optimizer = Optimizer.Of(config, gpt.Parameters);
        var (inputs, targets) = Tiny.Batch();
        Assert.True(float.IsFinite(Step(1)));
        var before = State();
        _ = gpt.ForwardBackward(inputs, targets, 1.0 / 16);
        using (no_grad()) gpt.Parameters.ViewOf("transformer.h.1.mlp.c_fc.weight", gpt.Parameters.Gradient!).narrow(0, 0, 1).fill_(float.NaN);
        Assert.False(float.IsFinite(Number.Of(optimizer.Step(2, 1e-2, 0.9, clip: 1))));
        Assert.Equal(before, State());
        Assert.True(float.IsFinite(Step(3)));
        Assert.Equal(before, State());

        float Step(long step)
        {
            _ = gpt.ForwardBackward(inputs, targets, 1.0 / 16);
            return Number.Of(optimizer.Step(step, 1e-2, 0.9, clip: 1));
        }

        List<byte[]> State() => [Tiny.Bytes(gpt.Parameters.Master), .. optimizer.Gather().Tensors().Select(t => Tiny.Bytes(t.View))];
    }
}
