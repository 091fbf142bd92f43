using Dtt.Core.Configuration;
using Dtt.Training.Model;
using static TorchSharp.torch;

namespace Dtt.Training.Tests.Model;

/// <summary>Whole models with <see cref="ModelConfig.DocumentMask"/>.</summary>
public sealed class DocumentMaskTests(ITestOutputHelper output)
{
    private const int Context = 48;
    private static readonly int[] _lengths = [20, 1, 27];

    /// <summary>With rotary positions only distances count, so a document in a window is what it is alone: the loss, and every gradient.</summary>
    [Theory]
    [InlineData("llama", "cpu", false)]
    [InlineData("llama", "cpu", true)]
    [InlineData("llama", "torch", false)]
    [InlineData("qwen3", "cpu", false)]
    [InlineData("qwen3", "torch", true)]
    public void ForwardBackward_ADocumentInAWindow_IsWhatItIsAlone(string architecture, string kernels, bool checkpointing)
    {
        using var scope = NewDisposeScope();
        var (inputs, targets) = Window();
        var (window, alone) = (Model(architecture, kernels), Model(architecture, kernels));
        var loss = window.ForwardBackward(inputs, targets, 1.0 / Context, checkpointing: checkpointing).item<float>();
        var (sum, at) = (0f, 0);
        foreach (var length in _lengths)
        {
            sum += alone.ForwardBackward(inputs.narrow(1, at, length), targets.narrow(1, at, length), 1.0 / Context).item<float>();
            at += length;
        }

        Assert.Equal(sum, loss, 1e-3f);
        var (a, b) = (window.Parameters.Gradient!, alone.Parameters.Gradient!);
        var worst = (a - b).abs().max().item<float>() / b.abs().max().item<float>();
        output.WriteLine($"{architecture} with {kernels}: worst gradient error {worst:0.0e+0} of the largest");
        Assert.InRange(worst, 0, 1e-5f);
        Assert.Equal(loss, window.Loss(inputs, targets).item<float>(), 1e-3f);                     // validation has the same mask
    }

    [Theory]
    [InlineData("gpt2", "cpu", 0)]
    [InlineData("gpt2", "torch", 0)]
    [InlineData("gpt2", "cpu", 0.2)]
    [InlineData("dtt", "cpu", 0)]
    public void ForwardBackward_ActivationCheckpointing_GivesTheSameBits(string architecture, string kernels, double dropout)
    {
        using var scope = NewDisposeScope();
        var (inputs, targets) = Window();
        byte[] Run(bool checkpointing)
        {
            var gpt = Model(architecture, kernels, dropout);
            _ = gpt.ForwardBackward(inputs, targets, 0.1, dropoutSeed: 7, checkpointing);
            return Tiny.Bytes(gpt.Parameters.Gradient!);
        }

        Assert.Equal(Run(false), Run(true));
    }

    [Theory]
    [InlineData("gpt2", "cpu")]
    [InlineData("gpt2", "torch")]
    [InlineData("llama", "cpu")]
    public void Mask_HidesOtherDocuments_AndOnlyThem(string architecture, string kernels)
    {
        using var scope = NewDisposeScope();
        var inputs = Window().Inputs;
        var changed = inputs.clone();
        changed[0, 3] = changed[0, 3].bitwise_xor(tensor(1L));
        var gpt = Model(architecture, kernels);
        var difference = Tiny.Values((gpt.AllLogits(inputs) - gpt.AllLogits(changed)).abs().amax([2])[0]);
        Assert.All(difference[..3], d => Assert.Equal(0, d));
        Assert.All(difference[3..20], d => Assert.True(d > 0));
        Assert.All(difference[20..], d => Assert.Equal(0, d));
        var unmasked = Model(architecture, kernels, mask: false);
        Assert.All(Tiny.Values((unmasked.AllLogits(inputs) - unmasked.AllLogits(changed)).abs().amax([2])[0])[3..], d => Assert.True(d > 0));
    }

    [Fact]
    public void Bf16_IsNearFp32()
    {
        using var scope = NewDisposeScope();
        var (inputs, targets) = Window();
        var (exact, rough) = (Model("llama", "cpu"), Model("llama", "cpu", bf16: true));
        var losses = new[] { exact, rough }.Select(g => g.ForwardBackward(inputs, targets, 1.0 / Context).item<float>() / Context).ToArray();
        Assert.Equal(losses[0], losses[1], 0.05f);
        var (a, b) = (exact.Parameters.Gradient!, rough.Parameters.Gradient!);
        Assert.InRange((a * b).sum().item<float>() / (a.norm() * b.norm()).item<float>(), 0.995f, 1.001f);
    }

    /// <summary>What is sampled is one document, which begins with the end of text.</summary>
    [Fact]
    public void NextLogits_WithACache_AreThoseOfTheWholeDocument()
    {
        using var scope = NewDisposeScope();
        var gpt = Model("llama", "cpu");
        var tokens = Window().Inputs.narrow(1, 21, 27);
        using var cache = new KeyValueCache(gpt.Config, gpt.Parameters);
        var logits = gpt.NextLogits(tokens, cache);
        Assert.InRange((gpt.AllLogits(tokens)[0, 26] - logits[0]).abs().max().item<float>(), 0, 2e-5f);
    }

    private static Gpt Model(string architecture, string kernels, double dropout = 0, bool mask = true, bool bf16 = false) =>
        Tiny.WithFormulaWeights(Tiny.Model(architecture, dropout) with { ContextLength = Context, DocumentMask = mask }, bf16, kernels);

    /// <summary>Three documents; the first one began before the window.</summary>
    private static (Tensor Inputs, Tensor Targets) Window()
    {
        var ids = Enumerable.Range(0, Context + 1).Select(i => i is 20 or 21 ? Tiny.EndOfText : 12 + (7L * i * i + 3 * i) % (Tiny.Vocab - 12)).ToArray();
        var all = tensor(ids, [1, Context + 1]);
        return (all.narrow(1, 0, Context).contiguous(), all.narrow(1, 1, Context).contiguous());
    }
}
