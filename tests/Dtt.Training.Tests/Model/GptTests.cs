using Dtt.Core.Configuration;
using Dtt.Training.Model;
using Dtt.Training.Optimizers;
using static TorchSharp.torch;

namespace Dtt.Training.Tests.Model;

public sealed class GptTests
{
    private static readonly OptimizerConfig _adamW = new() { Name = "adamw", WeightDecay = 0, Beta1 = 0.9, Beta2 = 0.95, Epsilon = 1e-8 };

    [Fact]
    public void ForwardBackward_AnyDivisionIntoMicroBatches_GivesTheSameGradient()
    {
        using var scope = NewDisposeScope();
        var (inputs, targets) = Tiny.Batch(batch: 6);
        var whole = Gradient(Tiny.Model("gpt2"), inputs, targets, [6]);
        foreach (var division in new int[][] { [3, 3], [1, 5], [1, 1, 1, 1, 1, 1] })
        {
            var parts = Gradient(Tiny.Model("gpt2"), inputs, targets, division);
            Assert.All(whole.Zip(parts), pair => Assert.Equal(pair.First, pair.Second, 1e-6f));
        }
    }

    [Theory]
    [InlineData(0.0, "cpu")]
    [InlineData(0.3, "cpu")]
    [InlineData(0.3, "torch")]
    public void ForwardBackward_ActivationCheckpointing_GivesTheSameBits(double dropout, string kernels)
    {
        using var scope = NewDisposeScope();
        var (inputs, targets) = Tiny.Batch();
        byte[] Run(bool checkpointing)
        {
            var gpt = Tiny.WithFormulaWeights(Tiny.Model("gpt2", dropout), kernels: kernels);
            _ = gpt.ForwardBackward(inputs, targets, 0.1, dropoutSeed: 7, checkpointing);
            return Tiny.Bytes(gpt.Parameters.Gradient!);
        }

        Assert.Equal(Run(false), Run(true));
    }

    [Fact]
    public void ForwardBackward_Dropout_DependsOnItsSeedAlone()
    {
        using var scope = NewDisposeScope();
        var (inputs, targets) = Tiny.Batch();
        float Run(ulong seed) => Tiny.WithFormulaWeights(Tiny.Model("gpt2", 0.3)).ForwardBackward(inputs, targets, 0.1, seed).item<float>();
        Assert.Equal(Run(1), Run(1));
        Assert.NotEqual(Run(1), Run(2));
    }

    [Fact]
    public void Loss_IsThatOfForwardBackward()
    {
        using var scope = NewDisposeScope();
        var (inputs, targets) = Tiny.Batch();
        var gpt = Tiny.WithFormulaWeights(Tiny.Model("gpt2", dropout: 0.5));
        var plain = Tiny.WithFormulaWeights(Tiny.Model("gpt2")).ForwardBackward(inputs, targets, 1, 0).item<float>();
        Assert.Equal(plain, gpt.Loss(inputs, targets).item<float>(), 1e-3f);
    }

    [Fact]
    public void ForwardBackward_Bf16_IsNearFp32()
    {
        using var scope = NewDisposeScope();
        var (inputs, targets) = Tiny.Batch();
        var (exact, rough) = (Tiny.WithFormulaWeights(Tiny.Model("gpt2")), Tiny.WithFormulaWeights(Tiny.Model("gpt2"), bf16: true));
        var losses = new[] { exact, rough }.Select(g => g.ForwardBackward(inputs, targets, 1.0 / 16, 0).item<float>() / 16).ToArray();
        Assert.Equal(losses[0], losses[1], 0.05f);
        var (a, b) = (exact.Parameters.Gradient!, rough.Parameters.Gradient!);
        var cosine = (a.dot(b) / (linalg.vector_norm(a, 2) * linalg.vector_norm(b, 2))).item<float>();
        Assert.InRange(cosine, 0.995f, 1.001f);
    }

    [Theory]
    [InlineData("gpt2", false)]
    [InlineData("gpt2", true)]
    [InlineData("dtt", false)]
    public void Training_OverfitsOneBatch(string architecture, bool bf16)
    {
        using var scope = NewDisposeScope();
        var (inputs, targets) = Tiny.Batch();
        var gpt = Tiny.Gpt(Tiny.Model(architecture), bf16);
        gpt.Parameters.Initialize(1);
        using var optimizer = Optimizer.Of(_adamW, gpt.Parameters);
        var loss = 0f;
        for (var step = 1; step <= 200; step++)
        {
            loss = gpt.ForwardBackward(inputs, targets, 1.0 / 16, 0).item<float>() / 16;
            optimizer.Step(step, 1e-2, 0.9, 1);
        }

        Assert.InRange(loss, 0, 0.05f);
    }

    [Theory]
    [InlineData("gpt2", "cpu")]
    [InlineData("llama", "cpu")]
    [InlineData("gpt2", "torch")]
    [InlineData("llama", "torch")]
    public void NextLogits_APromptThenTokenAfterToken_GivesTheLogitsOfAllTo2e5(string architecture, string kernels)
    {
        using var scope = NewDisposeScope();
        var gpt = Tiny.WithFormulaWeights(Tiny.Model(architecture), kernels: kernels);
        var tokens = Tiny.Batch(batch: 1).Inputs;
        var expected = gpt.AllLogits(tokens);
        using var cache = new KeyValueCache(gpt.Config, gpt.Parameters);
        for (var (at, count) = (0L, 3L); at < Tiny.T; (at, count) = (at + count, 1))
        {
            var logits = gpt.NextLogits(tokens.narrow(1, at, count), cache);
            Assert.InRange((expected[0, at + count - 1] - logits[0]).abs().max().item<float>(), 0, 2e-5f);
        }
    }

    [Fact]
    public void Training_PaddedVocabulary_StaysZero()
    {
        using var scope = NewDisposeScope();
        var (inputs, targets) = Tiny.Batch();
        var gpt = Tiny.Gpt(Tiny.Model("dtt"));
        gpt.Parameters.Initialize(1);
        using var optimizer = Optimizer.Of(_adamW with { WeightDecay = 0.1 }, gpt.Parameters);
        for (var step = 1; step <= 3; step++)
        {
            gpt.ForwardBackward(inputs, targets, 1.0 / 16, 0);
            optimizer.Step(step, 1e-2, 0.9, 1);
        }

        var padded = gpt.Parameters.PaddedViewOf("transformer.wte.weight", gpt.Parameters.Master);
        Assert.Equal([128, 16], padded.shape);
        Assert.Equal(0, padded.narrow(0, Tiny.Vocab, 128 - Tiny.Vocab).abs().max().item<float>());
    }

    [Fact]
    public void Step_OnAGradientThatIsNotFinite_LeavesTheWeightsAndNamesTheTensor()
    {
        using var scope = NewDisposeScope();
        var gpt = Tiny.WithFormulaWeights(Tiny.Model("gpt2"));
        using var optimizer = Optimizer.Of(_adamW, gpt.Parameters);
        var before = Tiny.Bytes(gpt.Parameters.Master);
        using (no_grad()) gpt.Parameters.ViewOf("transformer.h.1.mlp.c_fc.bias", gpt.Parameters.Gradient!).fill_(float.NaN);
        Assert.False(float.IsFinite(optimizer.Step(1, 1e-2, 0.9, 1).item<float>()));
        Assert.Equal(before, Tiny.Bytes(gpt.Parameters.Master));
        Assert.Equal(["transformer.h.1.mlp.c_fc.bias"], gpt.Parameters.NonFiniteGradients());
    }

    [Fact]
    public void Initialize_SameSeed_SameBits_AndTheSpreadOfGpt2()
    {
        using var scope = NewDisposeScope();
        var (a, b) = (Tiny.Gpt(Tiny.Model("gpt2")), Tiny.Gpt(Tiny.Model("gpt2")));
        a.Parameters.Initialize(5);
        b.Parameters.Initialize(5);
        Assert.Equal(Tiny.Bytes(a.Parameters.Master), Tiny.Bytes(b.Parameters.Master));
        float Spread(string name) => a.Parameters.ViewOf(name, a.Parameters.Master).std().item<float>();
        Assert.InRange(Spread("transformer.h.0.attn.c_attn.weight"), 0.018f, 0.022f);
        Assert.InRange(Spread("transformer.h.0.mlp.c_proj.weight"), 0.009f, 0.011f);
    }

    [Theory]
    [InlineData("gpt2")]
    [InlineData("llama")]
    [InlineData("qwen3")]
    public void ForwardBackward_Bf16_StaysCloseToFp32(string architecture)
    {
        using var scope = NewDisposeScope();
        var (inputs, targets) = Tiny.Batch();
        var (exact, bf16) = (Tiny.WithFormulaWeights(Tiny.Model(architecture)), Tiny.WithFormulaWeights(Tiny.Model(architecture), bf16: true));
        var losses = new[] { exact, bf16 }.Select(g => g.ForwardBackward(inputs, targets, 1.0 / targets.numel(), 0).item<float>() / targets.numel()).ToArray();
        Assert.Equal(losses[0], losses[1], 0.05f);
        var (a, b) = (exact.Parameters.Gradient!, bf16.Parameters.Gradient!);
        Assert.InRange((a * b).sum().item<float>() / (a.norm() * b.norm()).item<float>(), 0.995f, 1.001f);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Mask_OnlyTheCausalOneHidesTheTokensToCome(bool causal)
    {
        using var scope = NewDisposeScope();
        var inputs = Tiny.Batch(batch: 1).Inputs;
        var changed = inputs.clone();
        changed[0, Tiny.T - 1] = changed[0, Tiny.T - 1].bitwise_xor(tensor(1L));
        foreach (var flash in new[] { true, false })
        {
            var gpt = Tiny.WithFormulaWeights(Tiny.Model("gpt2", flash: flash) with { Causal = causal });
            var difference = (gpt.AllLogits(inputs) - gpt.AllLogits(changed)).narrow(1, 0, Tiny.T - 1).abs().max().item<float>();
            Assert.True(causal ? difference == 0 : difference > 1e-4, $"{difference}");
        }
    }

    private static float[] Gradient(ModelConfig model, Tensor inputs, Tensor targets, int[] division)
    {
        var gpt = Tiny.WithFormulaWeights(model);
        var at = 0L;
        foreach (var count in division)
        {
            _ = gpt.ForwardBackward(inputs.narrow(0, at, count), targets.narrow(0, at, count), 1.0 / targets.numel(), 0);
            at += count;
        }

        return Tiny.Values(gpt.Parameters.Gradient!);
    }
}
