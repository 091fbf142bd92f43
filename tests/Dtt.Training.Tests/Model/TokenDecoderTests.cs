using Dtt.Core.Configuration;
using Dtt.Core.Models;
using Dtt.Training.Model;
using static TorchSharp.torch;

namespace Dtt.Training.Tests.Model;

public sealed class TokenDecoderTests(ITestOutputHelper output)
{
    private const int Context = 24;

    [Theory]
    [InlineData("gpt2", false, 2e-5)]
    [InlineData("dtt", false, 2e-5)]
    [InlineData("llama", false, 2e-5)]
    [InlineData("qwen3", false, 2e-5)]
    [InlineData("gpt2", true, 0.1)]   // the blocks round to bf16, the decoder does not
    [InlineData("llama", true, 0.1)]
    [InlineData("qwen3", true, 0.1)]
    public void Next_TokenAfterToken_GivesTheBlocksLogits(string architecture, bool bf16, double tolerance)
    {
        using var scope = NewDisposeScope();
        var gpt = Tiny.WithFormulaWeights(Odd(architecture), bf16);
        var tokens = Enumerable.Range(0, Context).Select(i => (long)(7 * i * i % 203)).ToArray();
        var expected = gpt.AllLogits(tensor(tokens, [1, Context]));
        var (decoder, logits, worst) = (new TokenDecoder(gpt.Config, gpt.Parameters), new float[203], 0.0);
        using var cache = new KeyValueCache(gpt.Config, gpt.Parameters);
        for (var i = 0; i < Context; i++)
        {
            decoder.Next(tokens[i], cache, logits);
            worst = Math.Max(worst, Tiny.Values(expected[0, i]).Zip(logits, (a, b) => Math.Abs(a - b)).Max());
        }

        output.WriteLine($"{architecture}: worst error {worst:0.0e+0}, tolerance {tolerance:0e+0}");
        Assert.InRange(worst, 0, tolerance);
    }

    [Fact]
    public void Next_NoRoomOrNoSuchToken_Throws()
    {
        using var scope = NewDisposeScope();
        var gpt = Tiny.WithFormulaWeights(Odd("gpt2"));
        var (decoder, logits) = (new TokenDecoder(gpt.Config, gpt.Parameters), new float[203]);
        using var cache = new KeyValueCache(gpt.Config, gpt.Parameters);
        Assert.Throws<ArgumentOutOfRangeException>(() => decoder.Next(203, cache, logits));
        Assert.Throws<ArgumentOutOfRangeException>(() => decoder.Next(-1, cache, logits));
        for (var i = 0; i < Context; i++) decoder.Next(i, cache, logits);
        Assert.Throws<ArgumentOutOfRangeException>(() => decoder.Next(1, cache, logits));
    }

    /// <summary>Sizes that fill no vector and divide by no number of threads.</summary>
    private static ModelConfig Odd(string architecture) => Tiny.Model(architecture) with
    {
        NumLayers = 3,
        NumHeads = 6,
        NumKvHeads = Architectures.Of(architecture).ChoosesHeads ? 3 : 6,
        HeadDim = architecture == "qwen3" ? 14 : 0,
        ModelDim = 60,
        MlpDim = 131,
        ContextLength = Context,
        VocabSize = 203,
    };
}
