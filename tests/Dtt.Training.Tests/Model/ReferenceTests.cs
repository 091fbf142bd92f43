using System.Text.Json;
using Dtt.Core.Configuration;
using Dtt.Training.Model;
using Dtt.Training.Optimizers;
using static TorchSharp.torch;

namespace Dtt.Training.Tests.Model;

/// <summary>Forward, loss, gradients and AdamW against values that PyTorch made in fp64 (tests/reference/make_reference.py).</summary>
public sealed class ReferenceTests(ITestOutputHelper output)
{
    private static readonly OptimizerConfig _adamW = new() { Name = "adamw", WeightDecay = 0.1, Beta1 = 0.9, Beta2 = 0.95, Epsilon = 1e-8 };

    [Theory]
    [InlineData("gpt2", true)]
    [InlineData("gpt2", false)]
    [InlineData("dtt", true)]
    [InlineData("llama", true)]
    [InlineData("llama", false)]
    [InlineData("qwen3", true)]
    [InlineData("qwen3", false)]
    public void Logits_AgreeTo1e5(string architecture, bool flash) => OnAllKernels(kernels =>
    {
        var gpt = Tiny.WithFormulaWeights(Tiny.Model(architecture, flash: flash), kernels: kernels);
        var worst = Worst(Numbers(Reference(architecture).GetProperty("logits")), Tiny.Values(gpt.AllLogits(Tiny.Batch().Inputs)));
        output.WriteLine($"worst logit error {worst:0.0e+00}");
        Assert.InRange(worst, 0, 1e-5);
    });

    [Theory]
    [InlineData("gpt2", true, false)]
    [InlineData("gpt2", false, false)]
    [InlineData("gpt2", true, true)]
    [InlineData("dtt", true, false)]
    [InlineData("llama", true, false)]
    [InlineData("llama", false, true)]
    [InlineData("qwen3", true, false)]
    [InlineData("qwen3", false, true)]
    public void LossAndEveryGradient_AgreeTo1e5(string architecture, bool flash, bool checkpointing) => OnAllKernels(kernels =>
    {
        var reference = Reference(architecture);
        var gpt = Tiny.WithFormulaWeights(Tiny.Model(architecture, flash: flash), kernels: kernels);
        var (inputs, targets) = Tiny.Batch();
        var loss = gpt.ForwardBackward(inputs, targets, 1.0 / targets.numel(), 0, checkpointing).item<float>() / targets.numel();
        Assert.Equal(reference.GetProperty("loss").GetDouble(), loss, 1e-5);
        var errors = reference.GetProperty("gradients").EnumerateObject()
            .ToDictionary(g => g.Name, g => Worst(Numbers(g.Value), Tiny.Values(gpt.Parameters.ViewOf(g.Name, gpt.Parameters.Gradient!))));
        Assert.Equal(gpt.Parameters.Table.Count, errors.Count);
        var worst = errors.MaxBy(e => e.Value);
        output.WriteLine($"worst gradient error {worst.Value:0.0e+00} in {worst.Key}");
        Assert.InRange(worst.Value, 0, 1e-5);
    }, Tiny.Emulated);

    [Theory]
    [InlineData("gpt2")]
    [InlineData("dtt")]
    [InlineData("llama")]
    [InlineData("qwen3")]
    public void FiveAdamWSteps_WithClipping_AgreeTo1e4(string architecture) => OnAllKernels(kernels =>
    {
        var reference = Reference(architecture);
        var gpt = Tiny.WithFormulaWeights(Tiny.Model(architecture), kernels: kernels);
        using var optimizer = Optimizer.Of(_adamW, gpt.Parameters);
        var (inputs, targets) = Tiny.Batch();
        var (norms, losses) = (Numbers(reference.GetProperty("norms")), Numbers(reference.GetProperty("losses")));
        for (var step = 0; step < 5; step++)
        {
            Assert.Equal(losses[step], gpt.ForwardBackward(inputs, targets, 1.0 / targets.numel(), 0).item<float>() / targets.numel(), 1e-4);
            Assert.Equal(norms[step], optimizer.Step(step + 1, 1e-2, 0.9, clip: 0.5).item<float>(), norms[step] * 1e-3);
        }

        var worst = WorstWeight(reference.GetProperty("after_adamw"), gpt);
        output.WriteLine($"worst weight error after five steps {worst.Value:0.0e+00} in {worst.Key}");
        Assert.InRange(worst.Value, 0, 1e-4);
    });

    [Theory]
    [InlineData("total_20_pct_0.1", 0.1)]
    [InlineData("total_97_pct_0.3", 0.3)]
    public void OneCycle_AgreesWithPyTorchsRateAndMomentum(string name, double share)
    {
        var rows = Json("onecycle.json").GetProperty(name).EnumerateArray().ToList();
        var config = Schedule("onecycle") with { PercentStart = share };
        for (var step = 0; step < rows.Count; step++)
        {
            var (rate, beta1) = LearningRate.At(config, step, rows.Count);
            Assert.Equal(rows[step][0].GetDouble(), rate, 1e-12);
            Assert.Equal(rows[step][1].GetDouble(), beta1!.Value, 1e-12);
        }
    }

    [Theory]
    [InlineData("adam")]
    [InlineData("sgd")]
    [InlineData("sgd_nesterov")]
    [InlineData("muon")]
    public void FiveStepsOfTheOtherOptimizers_AgreeTo1e4(string name) => OnAllKernels(kernels =>
    {
        var reference = Json("optimizers.json").GetProperty(name);
        var gpt = Tiny.WithFormulaWeights(Tiny.Model("gpt2"), kernels: kernels);
        var config = _adamW with { Name = name.Split('_')[0], Momentum = name == "muon" ? 0.95 : 0.9, Nesterov = name is "muon" or "sgd_nesterov" };
        using var optimizer = Optimizer.Of(config, gpt.Parameters);
        var (inputs, targets) = Tiny.Batch();
        var losses = Numbers(reference.GetProperty("losses"));
        for (var step = 0; step < 5; step++)
        {
            Assert.Equal(losses[step], gpt.ForwardBackward(inputs, targets, 1.0 / targets.numel(), 0).item<float>() / targets.numel(), 1e-4);
            optimizer.Step(step + 1, name.StartsWith("sgd") ? 1e-1 : 1e-2, config.Momentum, clip: 0.5);
        }

        var worst = WorstWeight(reference.GetProperty("after"), gpt);
        output.WriteLine($"worst weight error after five steps {worst.Value:0.0e+00} in {worst.Key}");
        Assert.InRange(worst.Value, 0, 1e-4);
    });

    [Theory]
    [InlineData("exponential")]
    [InlineData("cosine")]
    public void Schedule_AgreesWithPyTorchs(string name)
    {
        var rates = Numbers(Json("schedules.json").GetProperty(name));
        var config = Schedule(name) with { WarmupSteps = 0, Gamma = 0.93 };
        for (var step = 0; step < rates.Length; step++) Assert.Equal(rates[step], LearningRate.At(config, step, rates.Length).Rate, 1e-12);
    }

    [Fact]
    public void Wsd_StaysAtTheTopAndFallsToTheEnd()
    {
        var wsd = Schedule("wsd") with { WarmupSteps = 10, DecayShare = 0.25, Min = 0 };
        Assert.Equal(0.005, LearningRate.At(wsd, 4, 101).Rate, 1e-12);
        Assert.All([9, 10, 50, 75], step => Assert.Equal(0.01, LearningRate.At(wsd, step, 101).Rate, 1e-12));
        Assert.Equal(0.006, LearningRate.At(wsd, 85, 101).Rate, 1e-12);
        Assert.Equal(0, LearningRate.At(wsd, 100, 101).Rate, 1e-12);
    }

    [Fact]
    public void Exponential_WithoutAFactor_EndsAtTheSmallestRate()
    {
        var config = Schedule("exponential");
        Assert.Equal(0.01, LearningRate.At(config, 0, 50).Rate, 1e-12);
        Assert.Equal(0.001, LearningRate.At(config, 49, 50).Rate, 1e-12);
    }

    [Fact]
    public void CosineAndConstant_WarmUpAndEndWhereTheyShould()
    {
        var cosine = Schedule("cosine") with { WarmupSteps = 10 };
        Assert.Equal(0.001, LearningRate.At(cosine, 0, 100).Rate, 1e-12);
        Assert.Equal(0.01, LearningRate.At(cosine, 9, 100).Rate, 1e-12);
        Assert.Equal(0.01, LearningRate.At(cosine, 10, 100).Rate, 1e-12);
        Assert.Equal(0.0055, LearningRate.At(cosine, 10 + 89 / 2, 100).Rate, 1e-4);
        Assert.Equal(0.001, LearningRate.At(cosine, 99, 100).Rate, 1e-12);
        Assert.Equal(0.01, LearningRate.At(Schedule("constant") with { WarmupSteps = 0 }, 0, 100).Rate, 1e-12);
        Assert.All(Enumerable.Range(1, 5), total => Assert.True(double.IsFinite(LearningRate.At(Schedule("cosine"), total - 1, total).Rate)));
    }

    /// <summary>By the CPU's kernels, and on the CPU by those that GPUs run.</summary>
    private void OnAllKernels(Action<string> test, params ReadOnlySpan<string> more)
    {
        foreach (var kernels in (string[])["cpu", "torch", .. more])
        {
            using var scope = NewDisposeScope();
            output.WriteLine($"{kernels}:");
            test(kernels);
        }
    }

    /// <summary>All but the key's bias: softmax cancels it, so its gradient is rounding noise, which Adam blows up to whole steps.</summary>
    private static T[] Meaningful<T>(string name, T[] values) => name.EndsWith("c_attn.bias") ? [.. values[..16], .. values[32..]] : values;

    private static (string Key, double Value) WorstWeight(JsonElement expected, Gpt gpt)
    {
        float[] Actual(string name) => Tiny.Values(gpt.Parameters.ViewOf(name, gpt.Parameters.Master));
        return expected.EnumerateObject()
            .Select(w => (w.Name, Error: Worst(Meaningful(w.Name, Numbers(w.Value)), Meaningful(w.Name, Actual(w.Name)))))
            .MaxBy(w => w.Error);
    }

    private static LearningRateConfig Schedule(string name) =>
        new() { Name = name, Max = 0.01, PercentStart = 0.1, DivFactor = 25, FinalDivFactor = 1e4, WarmupSteps = null, Min = 0.001 };

    private static JsonElement Reference(string architecture) => Json($"{architecture}.json");

    private static JsonElement Json(string file) =>
        JsonDocument.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "reference", file))).RootElement;

    private static double[] Numbers(JsonElement list) => [.. list.EnumerateArray().Select(v => v.GetDouble())];

    private static double Worst(double[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        return expected.Zip(actual, (e, a) => Math.Abs(e - a)).Max();
    }
}
