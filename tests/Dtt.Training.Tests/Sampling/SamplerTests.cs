using System.Text;
using Dtt.Data.Order;
using Dtt.Data.Tokenizers;
using Dtt.Training.Model;
using Dtt.Training.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace Dtt.Training.Tests.Sampling;

public sealed class SamplerTests
{
    private static readonly Vocabulary _vocabulary = new([.. Enumerable.Range(0, 20).Select(i => (i, i + 1))]);

    [Theory]
    [InlineData("gpt2", true, false)]
    [InlineData("gpt2", false, false)]
    [InlineData("dtt", true, false)]
    [InlineData("llama", true, false)]
    [InlineData("llama", false, false)]
    [InlineData("llama", true, true)]
    [InlineData("qwen3", true, false)]
    [InlineData("qwen3", false, true)]
    public void NextLogits_WithACache_AreThoseOfTheWholeSequence(string architecture, bool flash, bool bf16)
    {
        using var scope = NewDisposeScope();
        var gpt = Tiny.WithFormulaWeights(Tiny.Model(architecture, flash: flash), bf16);
        var inputs = Tiny.Batch(batch: 1).Inputs;
        var whole = gpt.AllLogits(inputs);
        using var cache = new KeyValueCache(gpt.Config, gpt.Parameters);
        foreach (var (from, count) in new[] { (0, 3), (3, 1), (4, 1), (5, 1), (6, 2) })
        {
            var step = Tiny.Values(gpt.NextLogits(inputs.narrow(1, from, count), cache));
            var expected = Tiny.Values(whole.select(1, from + count - 1));
            Assert.All(expected.Zip(step), pair => Assert.Equal(pair.First, pair.Second, bf16 ? 0.1f : 1e-5f));
        }
    }

    [Fact]
    public void Continue_SameSeed_SameText_AndPastTheContext()
    {
        string Text(long seed)
        {
            var text = new StringBuilder();
            var made = new Sampler(Model(), _vocabulary).Continue("abc", 40, new TokenChoice(1.0), seed, s => text.Append(s));
            Assert.Equal(40, made.Tokens);
            return text.ToString();
        }

        Assert.Equal(Text(1), Text(1));
        Assert.NotEqual(Text(1), Text(2));
    }

    [Fact]
    public void Continue_APromptLongerThanTheContext_KeepsItsEnd() =>
        Assert.Equal(3, new Sampler(Model(), _vocabulary).Continue(new string('x', 100), 3, new TokenChoice(0), 1, _ => { }).Tokens);

    [Fact]
    public void Continue_OfLogitsThatAreNotFinite_StopsAndSaysSo()
    {
        using var noGrad = no_grad();
        using var huge = 1e30f.ToScalar();
        var model = Model();
        model.Parameters.Master.fill_(huge);
        model.Parameters.MasterChanged();
        var (tokens, _, isSound) = new Sampler(model, _vocabulary).Continue("abc", 40, new TokenChoice(0), 1, _ => Assert.Fail("garbage was written"));
        Assert.Equal((0, false), (tokens, isSound));
    }

    [Fact]
    public void Choose_ZeroTemperature_TakesTheLikeliest() => Assert.Equal(2, new TokenChoice(0).Choose([0f, 1f, 3f, 2f], 12345));

    [Fact]
    public void Choose_TopK_NeverTakesAnother()
    {
        var choice = new TokenChoice(5, TopK: 2);
        Assert.Equal([1, 3], Draw(choice, [0f, 2f, 1f, 2.5f, -1f]).Keys.Order());
    }

    [Fact]
    public void Choose_TopP_TakesTheSmallestSetThatReachesIt()
    {
        float[] logits = [.. new[] { 0.5, 0.3, 0.15, 0.05 }.Select(p => (float)Math.Log(p))];
        Assert.Equal([0, 1], Draw(new TokenChoice(1, TopP: 0.75), logits).Keys.Order());
        Assert.Equal([0], Draw(new TokenChoice(1, TopP: 0.01), logits).Keys);
    }

    [Fact]
    public void Choose_FollowsTheProbabilities()
    {
        float[] logits = [.. new[] { 0.5, 0.3, 0.15, 0.05 }.Select(p => (float)Math.Log(p))];
        var drawn = Draw(new TokenChoice(1), logits);
        Assert.Equal(0.5, drawn[0] / 20_000.0, 0.02);
        Assert.Equal(0.05, drawn[3] / 20_000.0, 0.01);
    }

    private static Gpt Model()
    {
        var gpt = Tiny.Gpt(Tiny.Model("gpt2") with { VocabSize = _vocabulary.Size });
        gpt.Parameters.Initialize(1);

        // Never the end of the document: the test counts tokens.
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        gpt.Parameters.ViewOf("transformer.ln_f.bias", gpt.Parameters.Master).fill_(1);
        gpt.Parameters.ViewOf("transformer.wte.weight", gpt.Parameters.Master)[_vocabulary.EndOfText] = full([16], -10f);
        return gpt;
    }

    private static Dictionary<int, int> Draw(TokenChoice choice, float[] logits)
    {
        var counts = new Dictionary<int, int>();
        var random = 1UL;
        for (var i = 0; i < 20_000; i++)
        {
            var id = choice.Choose(logits, random = Mixing.Mix(random));
            counts[id] = counts.GetValueOrDefault(id) + 1;
        }

        return counts;
    }
}
