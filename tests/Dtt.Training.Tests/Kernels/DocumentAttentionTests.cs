using Dtt.Core.Configuration;
using Dtt.Core.Models;
using Dtt.Training.Kernels;
using Dtt.Training.Kernels.Cpu;
using Dtt.Training.Native;
using static TorchSharp.torch;

namespace Dtt.Training.Tests.Kernels;

/// <summary>
/// Attention within documents, forward and backward, of all implementations against the formula in fp64 with −∞ for what is hidden. Errors are shares of the
/// reference's largest value; tolerances as in <see cref="KernelsTests"/>.
/// </summary>
public sealed class DocumentAttentionTests(ITestOutputHelper output)
{
    private const int EndOfText = 5;

    public static TheoryData<string, ScalarType, bool> All => new(
        from name in Tiny.AllKernels
        from type in new[] { ScalarType.Float32, ScalarType.BFloat16 }
        from flash in new[] { true, false }
        select (name, type, flash));

    /// <summary>The documents' lengths in each window; a window that begins amid a document begins with a negative one.</summary>
    private static readonly int[][][] _windows =
    [
        [[7], [-3, 4], [1, 1, 1, 1, 1, 1, 1]],
        [[-40], [5, 1, 1, 20, 13], [.. Enumerable.Repeat(1, 40)], [1, 39], [39, 1], [-17, 23]],
        [[160], [-130, 30], [33, 64, 63], [128, 1, 31], [97, 63]],
        [[520], [-515, 5], [260, 260]],
        [[1060], [514, 546], [-1, 700, 359]],
    ];

    [Theory, MemberData(nameof(All))]
    public void Attention_IsThePlainFormWithAMask(string name, ScalarType type, bool flash)
    {
        using var scope = NewDisposeScope();
        var kernels = Kernels(name);
        foreach (var windows in _windows.Where(w => flash || w != _windows[^1]))                   // without flash the longest are no different from the others
        {
            var (batch, tokens) = (windows.Length, windows[0].Sum(length => Math.Abs(length)));
            foreach (var (queries, keys, size) in tokens > 1000 ? [(6, 2, 16)] : new[] { (4, 4, 8), (6, 2, 16) })
            {
                using var inner = NewDisposeScope();
                var heads = Random(kernels, type, batch, tokens, (queries + 2 * keys) * size);
                var gradient = Random(kernels, type, batch, tokens, queries * size);
                var wide = Exact(heads).requires_grad_();
                var expected = ExactAttention(wide, queries, keys, size, HiddenFrom(windows));
                expected.backward([Exact(gradient)]);

                using var documents = new Documents(Inputs(windows).to(kernels.Device), EndOfText);
                var shape = new AttentionShape(queries, keys, Causal: true, flash);
                var what = $"{tokens} tokens, {queries} and {keys} heads of {size}";
                Same(what, type, kernels, expected, kernels.Attention(heads, shape, documents, dropout: 0, save: false).Output);
                var (y, saved) = kernels.Attention(heads, shape, documents, dropout: 0, save: true);
                Same("with saving", type, kernels, expected, y);
                Same("its gradient", type, kernels, wide.grad!, kernels.AttentionBackward(gradient, saved!));
            }
        }
    }

    /// <summary>Windows of one document are computed as without documents, whether the document begins there or before.</summary>
    [Theory]
    [InlineData(64, true)]
    [InlineData(160, false)]
    [InlineData(600, true)]
    public void Attention_OfADocumentOverTheWholeWindow_HasTheBitsOfTheUnmaskedKernel(int tokens, bool flash)
    {
        var kernels = Kernels("cpu");
        foreach (var type in new[] { ScalarType.Float32, ScalarType.BFloat16 })
        {
            using var scope = NewDisposeScope();
            var (heads, gradient) = (Random(kernels, type, 2, tokens, 6 * 16), Random(kernels, type, 2, tokens, 2 * 16));
            var shape = new AttentionShape(2, 2, Causal: true, flash);
            byte[][] Run(Documents? documents)
            {
                var (y, saved) = kernels.Attention(heads, shape, documents, dropout: 0, save: true);
                return [Tiny.Bytes(y), Tiny.Bytes(kernels.AttentionBackward(gradient, saved!))];
            }

            using var documents = new Documents(Inputs([[tokens], [-tokens]]), EndOfText);
            Assert.Equal(Run(null), Run(documents));
        }
    }

    /// <summary>What is saved for backward is at most what a run is said to need before it starts.</summary>
    [Theory]
    [InlineData(true, true, 512)]
    [InlineData(true, true, 449)]
    [InlineData(true, false, 1024)]
    [InlineData(false, false, 1024)]
    public void Attention_SavesAtMostWhatTheEstimateHasOnACpu(bool masked, bool flash, int document)
    {
        const int tokens = 1024;
        using var scope = NewDisposeScope();
        var model = RunConfig.Parse($"name: r\nn_blocks: 1\nn_heads: 16\nd_model: 64\nd_mlp: 64\nn_ctx: {tokens}\nvocab_size: 300\n"
            + $"document_mask: {(masked ? "true" : "false")}\nflash_attention: {(flash ? "true" : "false")}").Model;
        using var documents = masked ? new Documents(Inputs([[.. Enumerable.Repeat(document, tokens / document), .. Rest()]]), EndOfText) : null;
        var kernels = Kernels("cpu");
        var shape = new AttentionShape(16, 16, Causal: true, flash);
        var (_, saved) = kernels.Attention(Random(kernels, ScalarType.Float32, 1, tokens, 3 * 64), shape, documents, dropout: 0, save: true);
        var estimate = new ModelArithmetic(model).ActivationBytes(microBatch: 1, bf16: false, checkpointing: false, onCpu: true);
        Assert.InRange(saved!.Tensors.Sum(t => t.numel() * t.element_size()), estimate / 4, estimate);

        int[] Rest() => tokens % document == 0 ? [] : [tokens % document];
    }

    /// <summary>With values that are the identity the output is the weights themselves.</summary>
    [Theory, MemberData(nameof(All))]
    public void Attention_Dropout_StaysWithinDocuments_AndBackwardHasForwardsMask(string name, ScalarType type, bool flash)
    {
        const int tokens = 16;
        using var scope = NewDisposeScope();
        var kernels = Kernels(name);
        int[][] windows = [[-7, 1, 8]];
        var (q, k) = (Random(kernels, type, 1, tokens, tokens), Random(kernels, type, 1, tokens, tokens));
        var (heads, gradient) = (cat([q, k, eye(tokens, dtype: type, device: kernels.Device).unsqueeze(0)], 2), Random(kernels, type, 1, tokens, tokens));
        using var documents = new Documents(Inputs(windows).to(kernels.Device), EndOfText);
        var exact = ExactAttention(Exact(heads), 1, 1, tokens, HiddenFrom(windows))[0];
        Seeds.Set(kernels.Device, 5);
        var (weights, saved) = kernels.Attention(heads, new AttentionShape(1, 1, Causal: true, flash), documents, dropout: 0.25, save: true);
        var retained = weights[0].ne(zeros_like(weights[0])).cpu();
        Assert.InRange(retained.sum().item<long>(), 30, 28 + 1 + 36 - 5);                          // of what is seen
        Same("weights of what is retained", type, kernels, exact.div(0.75).mul(retained.to(ScalarType.Float64)), weights[0]);
        var dv = kernels.AttentionBackward(gradient, saved!).narrow(2, 2 * tokens, tokens);
        Same("the values' gradient", type, kernels, Exact(weights)[0].t().matmul(Exact(gradient)[0]), dv[0]);
    }

    [Fact]
    public void Documents_BeginWithEveryEndOfText_AndWithEveryWindow()
    {
        using var scope = NewDisposeScope();
        var inputs = tensor(new long[] { 1, 2, EndOfText, 3, EndOfText, EndOfText, 1, 1, 1, 1, 1, EndOfText }, [2, 6]);
        using var documents = new Documents(inputs, EndOfText);
        Assert.Equal([new(0, 2), new(2, 2), new(4, 1), new(5, 1), new(6, 5), new(11, 1)], documents.Stretches);
        Assert.Equal([2, 1, 6, 6], documents.Mask.shape);
        var seen = documents.Mask.data<bool>().ToArray();
        var expected = documents.Stretches.SelectMany(s => Enumerable.Range(s.Row, s.Tokens).Select(
            row => Enumerable.Range(row / 6 * 6, 6).Select(key => key >= s.Row && key <= row))).SelectMany(row => row);
        Assert.Equal(expected, seen);
    }

    /// <summary>16-bit values move as they are, whatever a CPU multiplies them in.</summary>
    [Fact]
    public void Split_ShortStretches_EndWithZeros_AndJoinLeavesTheRestAlone()
    {
        using var scope = NewDisposeScope();
        var packed = arange(1, 2 * 5 * 6 + 1, dtype: ScalarType.Float32).to(ScalarType.BFloat16).view(2, 5, 6);           // (B, T, H hs), H = 3, hs = 2
        var layout = new HeadLayout([new(1, 3), new(5, 4)], Pieces: 2, Tokens: 2, HeadSize: 2);
        Tensor Split(int first, int count)
        {
            var pieces = layout.Empty(packed, count);
            HeadLayout.Split([new(layout, packed, pieces, first)]);
            return pieces;
        }

        var split = Split(1, 2).to(ScalarType.Float32);                                                                    // (P N 2, S, hs)
        float[] Values(int stretch, int at) => Tiny.Values(packed.view(10, 3, 2)[(stretch == 0 ? 1 : 5) + at].to(ScalarType.Float32));
        for (var (piece, row) = (0, 0); piece < 2; piece++)
        {
            for (var stretch = 0; stretch < 2; stretch++)
            {
                for (var head = 1; head <= 2; head++, row++)
                {
                    for (var token = 0; token < 2; token++)
                    {
                        var at = piece * 2 + token;
                        float[] expected = stretch == 0 && at == 3 ? [0, 0] : Values(stretch, at)[(2 * head)..(2 * head + 2)];
                        Assert.Equal(expected, Tiny.Values(split[row, token]));
                    }
                }
            }
        }

        var target = full_like(packed, -1f);
        HeadLayout.Join([new(layout, target, Split(0, 3), 0)]);
        var written = new HashSet<int> { 1, 2, 3, 5, 6, 7, 8 };
        float[] Row(Tensor all, int row) => Tiny.Values(all.view(10, 6)[row].to(ScalarType.Float32));
        for (var row = 0; row < 10; row++) Assert.Equal(written.Contains(row) ? Row(packed, row) : [-1, -1, -1, -1, -1, -1], Row(target, row));
    }

    private static IKernels Kernels(string name)
    {
        var kernels = Tiny.KernelsOf(name);
        Assert.SkipWhen(kernels is null, "there is no GPU here");
        Seeds.Set(CPU, 7);
        return kernels!;
    }

    private static Tensor Inputs(int[][] windows) => stack(windows.Select(lengths => tensor(lengths.SelectMany(length =>
        Enumerable.Range(0, Math.Abs(length)).Select(i => length > 0 && i == 0 ? EndOfText : 100L + i)).ToArray())).ToArray());

    /// <summary>(B, 1, T, T) fp64: −∞ where a query does not see a key.</summary>
    private static Tensor HiddenFrom(int[][] windows) => stack(windows.Select(lengths =>
    {
        var document = tensor(lengths.SelectMany((length, i) => Enumerable.Repeat((long)i, Math.Abs(length))).ToArray());
        var hidden = zeros([document.shape[0], document.shape[0]], dtype: ScalarType.Float64);
        var other = document.unsqueeze(1).ne(document.unsqueeze(0)).logical_or(ones_like(hidden, dtype: ScalarType.Bool).triu(1));
        return hidden.masked_fill(other, Number.NegativeInfinity).unsqueeze(0);
    }).ToArray());

    /// <summary>softmax(Q Kᵀ ÷ √hs + hidden) V: (B, T, (nh + 2 nkv) hs) → (B, T, nh hs).</summary>
    private static Tensor ExactAttention(Tensor heads, int queries, int keys, int size, Tensor hidden)
    {
        Tensor Part(int first, int count) => heads.narrow(2, first * size, count * size).view(heads.shape[0], heads.shape[1], count, size).transpose(1, 2);
        var (q, k, v) = (Part(0, queries), Part(queries, keys), Part(queries + keys, keys));
        var scores = q.matmul(k.repeat_interleave(queries / keys, dim: 1).transpose(-2, -1)) / Math.Sqrt(size) + hidden;
        return scores.softmax(-1).matmul(v.repeat_interleave(queries / keys, dim: 1)).transpose(1, 2).reshape(heads.shape[0], heads.shape[1], -1);
    }

    private static Tensor Random(IKernels kernels, ScalarType type, params long[] shape) => randn(shape).to(type).to(kernels.Device);

    private static Tensor Exact(Tensor x) => x.detach().cpu().to(ScalarType.Float64).clone();

    private void Same(string what, ScalarType type, IKernels kernels, Tensor expected, Tensor actual)
    {
        var limit = type == ScalarType.BFloat16 ? 3e-2 : kernels.Device.type == TorchSharp.DeviceType.CUDA ? 2e-3 : 1e-5;
        Assert.Equal(expected.shape, actual.shape);
        var worst = (expected.detach() - Exact(actual)).abs().max().item<double>() / expected.detach().abs().max().item<double>();
        output.WriteLine($"{what}, {actual.dtype}: worst error {worst:0.0e+0}, tolerance {limit:0e+0}");
        Assert.InRange(worst, 0, limit);
    }
}
