using Dtt.Training.Kernels;
using Dtt.Training.Native;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Dtt.Training.Tests.Kernels;

/// <summary>
/// Every operation of <see cref="IKernels"/>, forward and backward, of all implementations against the formula in fp64. Errors are shares of the reference's
/// largest value; tolerances: 1e-5 in fp32, 1e-2 in bf16 (a value
/// rounded once is off by 2⁻⁹ at most), 2e-3 where a GPU multiplies fp32 as TF32. Sums begin as NaN, so that a first gradient which is added, not written,
/// shows.
/// </summary>
public sealed class KernelsTests(ITestOutputHelper output)
{
    private const double Scale = 0.25;

    public static TheoryData<string, ScalarType> All => Each(Tiny.AllKernels);

    /// <summary>Of what GPUs have kernels of our own for.</summary>
    public static TheoryData<string, ScalarType> AllAndEmulated => Each([.. Tiny.AllKernels, Tiny.Emulated]);

    [Theory, MemberData(nameof(AllAndEmulated))]
    public void Linear(string name, ScalarType type)
    {
        Assert.SkipWhen(name == Tiny.Emulated && type == ScalarType.BFloat16, "torch multiplies bf16 to fp32 on GPUs alone");
        using var test = new Case(name, type, output);
        foreach (var (rows, columns, width) in new[] { (1, 1, 1), (7, 37, 5), (33, 48, 64), (129, 130, 17), (300, 264, 8) })
        {
            foreach (var hasBias in new[] { true, false })
            {
                var (x, weight, bias, gradient) = (test.Random(rows, width), test.Random(columns, width), test.Random(columns), test.Random(rows, columns));
                var what = $"linear {rows} × {width} × {columns}";
                var product = Exact(x).matmul(Exact(weight).t());
                test.Same(what, hasBias ? product + Exact(bias) : product, test.Kernels.Linear(x, weight, hasBias ? bias : null));

                var (weightSum, biasSum) = (test.Sum(columns, width), test.Sum(columns));
                for (var time = 1; time <= 2; time++)
                {
                    var dx = test.Kernels.LinearBackward(gradient, x, weight, new(weightSum, time == 1), hasBias ? new GradientSum(biasSum, time == 1) : null);
                    test.Same($"{what}, dx", Exact(gradient).matmul(Exact(weight)), dx);
                    test.Same($"{what}, dW", Exact(gradient).t().matmul(Exact(x)) * time, weightSum);
                    if (hasBias) test.Same($"{what}, db", Exact(gradient).sum(dim: 0) * time, biasSum);
                }
            }
        }
    }

    [Theory, MemberData(nameof(AllAndEmulated))]
    public void Norm(string name, ScalarType type)
    {
        using var test = new Case(name, type, output);
        double? weightLimit = type == ScalarType.BFloat16 ? 3e-2 : null;   // torch sums the rows' gradients in the weights' own type
        foreach (var (batch, tokens, width) in new[] { (1, 1, 16), (2, 3, 37), (3, 7, 48), (1, 65, 768), (3, 100, 264) })
        {
            foreach (var isLayerNorm in new[] { true, false })
            {
                // (B, C, T) seen as (B, T, C): rows need not lie one after the other.
                var x = (test.Random(batch, width, tokens) + 3).to(type).transpose(1, 2);
                var (gain, bias, gradient) = (test.Random(width), isLayerNorm ? test.Random(width) : null, test.Random(batch, tokens, width));
                var (wide, wideGain, wideBias) = (Leaf(x), Leaf(gain), bias is null ? null : Leaf(bias));
                var centered = isLayerNorm ? wide - wide.mean([-1], keepdim: true) : wide;
                var expected = centered * (centered.square().mean([-1], keepdim: true) + 1e-5).rsqrt() * wideGain;
                if (wideBias is not null) expected = expected + wideBias;
                expected.backward([Exact(gradient)]);

                var what = $"{(isLayerNorm ? "LayerNorm" : "RMSNorm")} {batch} × {tokens} × {width}";
                test.Same(what, expected, test.Kernels.Norm(x, gain, bias, 1e-5, save: false).Output);
                var (gainSum, biasSum) = (test.Sum(width), test.Sum(width));
                for (var time = 1; time <= 2; time++)
                {
                    var (y, saved) = test.Kernels.Norm(x, gain, bias, 1e-5, save: true);
                    test.Same(what, expected, y);
                    GradientSum? sumOfBias = bias is null ? null : new(biasSum, time == 1);
                    test.Same($"{what}, dx", wide.grad!, test.Kernels.NormBackward(gradient, saved!, gain, new(gainSum, time == 1), sumOfBias));
                    test.Same($"{what}, gain", wideGain.grad! * time, gainSum, weightLimit);
                    if (wideBias is not null) test.Same($"{what}, bias", wideBias.grad! * time, biasSum, weightLimit);
                }
            }
        }
    }

    [Theory, MemberData(nameof(All))]
    public void TanhGelu(string name, ScalarType type)
    {
        using var test = new Case(name, type, output);
        foreach (var shape in new long[][] { [1], [16], [17], [3, 5, 67] })
        {
            var (x, gradient) = ((test.Random(shape) * 2).to(type), test.Random(shape));
            foreach (var extreme in new[] { 0f, -200, 200 })
            {
                if (extreme != 0) x.view(-1)[0] = tensor(extreme, dtype: type);
                var wide = Leaf(x);
                var expected = wide * 0.5 * (1 + (Math.Sqrt(2 / Math.PI) * (wide + 0.044715 * wide.pow(3))).tanh());
                expected.backward([Exact(gradient)]);
                test.Same($"GELU of {string.Join(" × ", shape)}", expected, test.Kernels.TanhGelu(x, save: false).Output);
                var (y, saved) = test.Kernels.TanhGelu(x, save: true);
                test.Same("with saving", expected, y);
                test.Same("dx", wide.grad!, test.Kernels.TanhGeluBackward(gradient, saved!));
            }
        }
    }

    [Theory, MemberData(nameof(All))]
    public void SwiGlu(string name, ScalarType type)
    {
        using var test = new Case(name, type, output);
        foreach (var (rows, width) in new[] { (1, 1), (1, 16), (5, 24), (7, 37), (33, 272) })
        {
            var (x, gradient) = (test.Random(2, rows, 2 * width), test.Random(2, rows, width));
            x[0, 0, 0] = tensor(-200f, dtype: type);
            x[1, rows - 1, width - 1] = tensor(80f, dtype: type);
            var wide = Leaf(x);
            var (gate, up) = (wide.narrow(-1, 0, width), wide.narrow(-1, width, width));
            var expected = gate / (1 + (-gate).exp()) * up;
            expected.backward([Exact(gradient)]);
            test.Same($"SwiGLU of {rows} × {width}", expected, test.Kernels.SwiGlu(x, save: false).Output);
            var (y, saved) = test.Kernels.SwiGlu(x, save: true);
            test.Same("with saving", expected, y);
            test.Same("dx", wide.grad!, test.Kernels.SwiGluBackward(gradient, saved!));
        }
    }

    [Theory, MemberData(nameof(All))]
    public void Attention(string name, ScalarType type)
    {
        using var test = new Case(name, type, output);
        var limit = AttentionTolerance(type);
        foreach (var (tokens, queries, keys, size, causal) in new[]
        {
            (1, 3, 3, 8, true), (17, 4, 2, 6, true), (40, 6, 2, 16, true), (33, 2, 2, 16, false),
            (128, 4, 4, 16, true), (160, 6, 2, 8, true), (160, 4, 4, 8, false), (520, 2, 1, 16, true),
        })
        {
            foreach (var flash in new[] { true, false })
            {
                var (heads, gradient) = (test.Random(2, tokens, (queries + 2 * keys) * size), test.Random(2, tokens, queries * size));
                var wide = Leaf(heads);
                Tensor Part(long first, long count) => wide.narrow(2, first * size, count * size).view(2, tokens, count, size).transpose(1, 2);
                var expected = ExactAttention(Part(0, queries), Part(queries, keys), Part(queries + keys, keys), causal);
                expected.backward([Exact(gradient)]);

                var shape = new AttentionShape(queries, keys, causal, flash);
                var what = $"attention of {tokens}, {queries} and {keys} heads of {size}";
                test.Same(what, expected, test.Kernels.Attention(heads, shape, null, dropout: 0, save: false).Output, limit);
                var (y, saved) = test.Kernels.Attention(heads, shape, null, dropout: 0, save: true);
                test.Same("with saving", expected, y, limit);
                test.Same("its gradient", wide.grad!, test.Kernels.AttentionBackward(gradient, saved!), limit);
            }
        }
    }

    /// <summary>
    /// With values that are the identity the output is the weights themselves, so what dropout did to them is seen, and backward must use the same.
    /// </summary>
    [Theory, MemberData(nameof(All))]
    public void Attention_Dropout_BackwardHasForwardsMask(string name, ScalarType type)
    {
        const int tokens = 16;
        const double dropout = 0.25;
        foreach (var flash in new[] { true, false })
        {
            using var test = new Case(name, type, output);
            var limit = AttentionTolerance(type);
            var (q, k) = (test.Random(1, tokens, tokens), test.Random(1, tokens, tokens));
            var v = eye(tokens, dtype: type, device: test.Kernels.Device).unsqueeze(0);
            var (heads, gradient) = (cat([q, k, v], 2), test.Random(1, tokens, tokens));
            var shape = new AttentionShape(1, 1, Causal: true, flash);
            var exact = ExactAttention(Exact(q).unsqueeze(1), Exact(k).unsqueeze(1), Exact(v).unsqueeze(1), causal: true)[0];
            Seeds.Set(test.Kernels.Device, 5);
            var (weights, saved) = test.Kernels.Attention(heads, shape, null, dropout, save: true);
            var retained = weights[0].ne(zeros_like(weights[0]));
            Assert.InRange(retained.sum().cpu().item<long>(), tokens, tokens * (tokens + 1) / 2 - 10);
            test.Same("weights of what is retained", exact.div(1 - dropout).mul(retained.to(ScalarType.Float64).cpu()), weights[0], limit);
            var dv = test.Kernels.AttentionBackward(gradient, saved!).narrow(2, 2 * tokens, tokens);
            test.Same("the values' gradient", Exact(weights)[0].t().matmul(Exact(gradient)[0]), dv[0], limit);
        }
    }

    [Theory, MemberData(nameof(All))]
    public void CachedAttention(string name, ScalarType type)
    {
        using var test = new Case(name, type, output);
        var limit = AttentionTolerance(type);
        foreach (var (past, tokens, queries, keys) in new[] { (0, 5, 2, 2), (5, 1, 4, 2), (5, 3, 4, 2), (37, 1, 6, 3), (37, 20, 2, 1) })
        {
            foreach (var flash in new[] { true, false })
            {
                const int size = 8;
                var (q, k, v) = (test.Random(1, queries, tokens, size), test.Random(1, keys, past + tokens, size), test.Random(1, keys, past + tokens, size));
                var expected = ExactAttention(Exact(q), Exact(k), Exact(v), causal: true);
                var shape = new AttentionShape(queries, keys, Causal: true, flash);
                test.Same($"{tokens} tokens after {past}", expected, test.Kernels.CachedAttention(q, k, v, shape), limit);
            }
        }
    }

    [Theory, MemberData(nameof(AllAndEmulated))]
    public void CrossEntropyInPlace(string name, ScalarType type)
    {
        using var test = new Case(name, type, output);
        foreach (var ids in new[] { 1, 15, 16, 37, 128, 300 })
        {
            var padded = (ids + 127) / 128 * 128;
            var (logits, targets) = ((test.Random(9, padded) * 5).to(type), randint(0, ids, [9], dtype: ScalarType.Int64));
            var wide = Leaf(logits);
            var expected = F.cross_entropy(wide.narrow(1, 0, ids), targets, reduction: nn.Reduction.Sum);
            (expected * Scale).backward();
            test.Same($"loss of {ids}", expected, test.Kernels.CrossEntropyInPlace(logits, targets.to(test.Kernels.Device), ids, Scale), 1e-5, smallest: 1);
            test.Same("dx", wide.grad!, logits, smallest: Scale);
        }
    }

    [Theory]
    [MemberData(nameof(AllAndEmulated))]
    public void CrossEntropyInPlace_ALogitThatIsNotFinite_GivesALossThatIsNot(string name, ScalarType type)
    {
        using var test = new Case(name, type, output);
        foreach (var value in new[] { float.NaN, float.PositiveInfinity })
        {
            foreach (var at in new[] { 0, 20, 36 })
            {
                var logits = zeros(2, 128, dtype: type, device: test.Kernels.Device);
                logits[1, at] = tensor(value, dtype: type);
                var targets = zeros(2, dtype: ScalarType.Int64, device: test.Kernels.Device);
                Assert.False(float.IsFinite(Number.Of(test.Kernels.CrossEntropyInPlace(logits, targets, 37, 1))));
            }
        }
    }

    [Theory, MemberData(nameof(All))]
    public void AddGradient(string name, ScalarType type)
    {
        using var test = new Case(name, type, output);
        foreach (var (rows, columns) in new[] { (1, 1), (3, 16), (9, 37), (64, 300), (1025, 128) })
        {
            var (values, sum) = (test.Random(columns, rows).t(), test.Sum(rows, columns));   // (rows, columns), not contiguous
            for (var time = 1; time <= 2; time++)
            {
                test.Kernels.AddGradient(new(sum, IsFirst: time == 1), values);
                test.Same($"{time} × {rows} × {columns}", Exact(values) * time, sum, 1e-6);
            }
        }
    }

    [Theory, MemberData(nameof(All))]
    public void AddEmbeddingGradient(string name, ScalarType type)
    {
        using var test = new Case(name, type, output);
        var (before, rows, ids) = (test.Random(11, 37).to(ScalarType.Float32), test.Random(6, 37).to(ScalarType.Float32), new long[] { 3, 0, 3, 10, 3, 0 });
        var expected = Exact(before);
        foreach (var (i, id) in ids.Index()) expected[id] = expected[id] + Exact(rows)[i];
        test.Kernels.AddEmbeddingGradient(before, tensor(ids).to(test.Kernels.Device), rows);
        test.Same("rows of ids that come again", expected, before, 1e-6);
    }

    [Theory, MemberData(nameof(All))]
    public void Adam(string name, ScalarType type)
    {
        const int count = 16 * 37;
        const float scale = 3;
        using var test = new Case(name, type, output);
        foreach (var decoupled in new[] { true, false })
        {
            Tensor State() => test.Random(count).to(ScalarType.Float32);
            var (master, gradient, first, second) = (State(), State(), State(), State().square());
            var values = new AdamValues(master, gradient, first, second, type == ScalarType.BFloat16 ? master.to(type) : master);
            var step = new AdamStep(1e-2, 0.9, 0.95, 0.1, 1e-8, 7, decoupled);
            Tensor Flag(float value) => tensor(value).to(test.Kernels.Device);

            var before = new[] { master, first, second, values.Working }.Select(Tiny.Bytes).ToArray();
            _ = test.Kernels.Adam(step, values with { Gradient = gradient.clone() }, Flag(scale), skip: Flag(1));
            Assert.Equal(before, new[] { master, first, second, values.Working }.Select(Tiny.Bytes).ToArray());

            var g = Exact(gradient) / scale + (decoupled ? 0 : step.WeightDecay) * Exact(master);
            var (m, v) = (Exact(first) * 0.9 + g * 0.1, Exact(second) * 0.95 + g * g * 0.05);
            var (mean, spread) = (m / (1 - Math.Pow(0.9, 7)), (v / (1 - Math.Pow(0.95, 7))).sqrt());
            var expected = Exact(master) * (decoupled ? 1 - 1e-2 * step.WeightDecay : 1) - 1e-2 * mean / (spread + 1e-8);
            var renewed = test.Kernels.Adam(step, values, Flag(scale), skip: Flag(0));
            test.Same("weights", expected, master, 1e-6);
            test.Same("first moment", m, first, 1e-6);
            test.Same("second moment", v, second, 1e-6);
            if (renewed) Assert.Equal(Tiny.Bytes(master.to(type)), Tiny.Bytes(values.Working));
        }
    }

    [Fact]
    public void MatmulPeak_IsMeasuredOnACpu_AndNullWhereItIsNot()
    {
        Assert.All([ScalarType.Float32, ScalarType.BFloat16], type => Assert.InRange(Tiny.KernelsOf("cpu")!.MatmulPeak(type)!.Value, 1e8, 1e16));
        Assert.Null(Tiny.KernelsOf("torch")!.MatmulPeak(ScalarType.Float32));
    }

    [Fact]
    public void Of_ACpu_IsTheCpus_WhichDecodesOnTheHost()
    {
        Assert.True(IKernels.Of(CPU).DecodesOnHost);
        Assert.False(Tiny.KernelsOf("torch")!.DecodesOnHost);
        Assert.All(new[] { IKernels.Of(CPU), Tiny.KernelsOf("torch")! }, kernels => Assert.InRange(kernels.HeadRows(50257), 1, 1 << 20));
    }

    /// <summary>In bf16 scores and weights are rounded as well, and rounded scores stand in an exponent.</summary>
    private static double? AttentionTolerance(ScalarType type) => type == ScalarType.BFloat16 ? 3e-2 : null;

    /// <summary>softmax(Q Kᵀ ÷ √hs) V in fp64 for the last T of S + T tokens: (B, nh, T, hs), (B, nkv, S + T, hs) twice → (B, T, nh hs).</summary>
    private static Tensor ExactAttention(Tensor q, Tensor k, Tensor v, bool causal)
    {
        var (tokens, past, group) = (q.shape[2], k.shape[2] - q.shape[2], q.shape[1] / k.shape[1]);
        var scores = q.matmul(k.repeat_interleave(group, dim: 1).transpose(-2, -1)) / Math.Sqrt(q.shape[3]);
        if (causal) scores = scores + full([tokens, past + tokens], double.NegativeInfinity, dtype: ScalarType.Float64).triu(past + 1);
        return scores.softmax(-1).matmul(v.repeat_interleave(group, dim: 1)).transpose(1, 2).reshape(q.shape[0], tokens, -1);
    }

    private static TheoryData<string, ScalarType> Each(IReadOnlyList<string> kernels) =>
        new(from name in kernels from type in new[] { ScalarType.Float32, ScalarType.BFloat16 } select (name, type));

    private static Tensor Exact(Tensor x) => x.detach().cpu().to(ScalarType.Float64).clone();

    private static Tensor Leaf(Tensor x) => Exact(x).requires_grad_();

    /// <summary>One implementation in one type, with its random inputs.</summary>
    private sealed class Case : IDisposable
    {
        private readonly TorchSharp.DisposeScope _scope;
        private readonly ScalarType _type;
        private readonly ITestOutputHelper _output;

        public Case(string name, ScalarType type, ITestOutputHelper output)
        {
            var kernels = Tiny.KernelsOf(name);
            Assert.SkipWhen(kernels is null, "there is no GPU here");
            (Kernels, _type, _output, _scope) = (kernels!, type, output, NewDisposeScope());
            Seeds.Set(CPU, 7);
        }

        public IKernels Kernels { get; }

        public Tensor Random(params long[] shape) => randn(shape).to(_type).to(Kernels.Device);

        /// <summary>A sum in which nothing may be taken for a value.</summary>
        public Tensor Sum(params long[] shape) => full(shape, float.NaN, dtype: ScalarType.Float32, device: Kernels.Device);

        public void Same(string what, Tensor expected, Tensor actual, double? tolerance = null, double smallest = 1e-6)
        {
            var limit = tolerance ?? (_type == ScalarType.BFloat16 ? 1e-2 : Kernels.Device.type == TorchSharp.DeviceType.CUDA ? 2e-3 : 1e-5);
            Assert.Equal(expected.shape, actual.shape);
            if (actual.numel() == 0) return;
            var largest = Math.Max(smallest, expected.detach().abs().max().item<double>());
            var worst = (expected.detach() - Exact(actual)).abs().max().item<double>() / largest;
            _output.WriteLine($"{what}, {actual.dtype}: worst error {worst:0.0e+0}, tolerance {limit:0e+0}");
            Assert.InRange(worst, 0, limit);
        }

        public void Dispose() => _scope.Dispose();
    }
}
