using System.Runtime.InteropServices;
using System.Text.Json;
using Dtt.Core.Configuration;
using static TorchSharp.torch;

namespace Dtt.Training.Tests.Model;

/// <summary>A whole GPT-2 of 124 million parameters in fp32 against PyTorch's fp64 (tests/reference/make_large.py).</summary>
public sealed class LargeModelTests(ITestOutputHelper output)
{
    private const int Tokens = 48, Vocab = 50257;

    [Fact]
    public void Logits_Of124MillionParameters_AgreeTo1e4()
    {
        using var scope = NewDisposeScope();
        var model = ModelConfig.From(new ConfigReader(RunKeys.All).SetUnlessSet(ModelPresets.All["gpt2-124m"], "test").Values);
        var gpt = Tiny.Gpt(model);
        foreach (var (index, spec) in gpt.Parameters.Table.Index())
        {
            var gain = spec.Name.Contains("ln_") && spec.Name.EndsWith("weight") ? 1.0 : 0.0;
            var values = new float[spec.Count];
            Parallel.For(0L, spec.Count, k => values[k] = (float)(gain + 0.06 * Math.Sin(0.7311 * (k + 1) + 1.7 * index + 0.3 * (k % 7))));
            using var noGrad = no_grad();
            using var view = gpt.Parameters.ViewOf(spec.Name, gpt.Parameters.Master);
            values.AsSpan().CopyTo(MemoryMarshal.Cast<byte, float>(view.bytes));
        }

        Assert.Equal(124_439_808, gpt.Parameters.Table.Sum(p => p.Count));
        var inputs = tensor(Enumerable.Range(0, Tokens).Select(i => (7L * i * i + 3L * i + 1) % Vocab).ToArray(), [1, Tokens]);
        var reference = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "reference", "gpt2-124m.json"))).RootElement;
        var ids = reference.GetProperty("ids").EnumerateArray().Select(i => i.GetInt32()).ToArray();
        var logits = Tiny.Values(gpt.AllLogits(inputs));
        var sums = Tiny.Values(gpt.AllLogits(inputs).logsumexp(2));
        var worst = 0.0;
        for (var t = 0; t < Tokens; t++)
        {
            worst = Math.Max(worst, Math.Abs(reference.GetProperty("log_sum_exp")[t].GetDouble() - sums[t]));
            foreach (var (i, id) in ids.Index()) worst = Math.Max(worst, Math.Abs(reference.GetProperty("logits")[t][i].GetDouble() - logits[t * Vocab + id]));
        }

        output.WriteLine($"worst error {worst:0.0e+00}");
        Assert.InRange(worst, 0, 1e-4);
        gpt.Parameters.Dispose();
    }
}
