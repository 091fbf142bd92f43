using Dtt.Core.Configuration;
using Dtt.Core.Models;
using Dtt.Training.Optimizers;
using static TorchSharp.torch;

namespace Dtt.Training.Tests.Optimizers;

public sealed class OptimizerStateTests
{
    public static TheoryData<string, string> All =>
        [.. RunKeys.All.Single(k => k.Name == "optimizer.name").Choices.SelectMany(name => Architectures.All.Select(a => (name, a.Name)))];

    [Theory]
    [MemberData(nameof(All))]
    public void Gather_HasTheBytesThatTheArithmeticPromises(string name, string architecture)
    {
        using var scope = NewDisposeScope();
        var gpt = Tiny.Gpt(Tiny.Model(architecture));
        using var optimizer = Optimizer.Of(new OptimizerConfig { Name = name, WeightDecay = 0, Beta1 = 0.9, Beta2 = 0.95, Epsilon = 1e-8 }, gpt.Parameters);
        using var state = optimizer.Gather();
        Assert.Equal(new ModelArithmetic(gpt.Config).MomentBytes(name), state.Tensors().Sum(t => t.View.numel() * t.View.element_size()));
    }
}
