using System.Runtime.Intrinsics;
using Dtt.Training.Kernels;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Dtt.Training.Tests.Kernels;

/// <summary>The kernels of our own against torch's operations in fp64.</summary>
public sealed class KernelTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData(ScalarType.Float32, 3e-7)]
    [InlineData(ScalarType.BFloat16, 4e-3)]
    public void CrossEntropy_IsTorchs(ScalarType type, double tolerance)
    {
        using var scope = NewDisposeScope();
        foreach (var ids in new[] { 1, 15, 16, 37, 128, 300 })
        {
            random.manual_seed(ids);
            var padded = (ids + 127) / 128 * 128;
            var (logits, targets) = ((randn(9, padded) * 5).to(type), randint(0, ids, [9], dtype: ScalarType.Int64));
            var wide = logits.to(ScalarType.Float64);
            wide.requires_grad = true;
            var expected = F.cross_entropy(wide.narrow(1, 0, ids), targets, reduction: nn.Reduction.Sum);
            (expected * 0.25).backward();

            var loss = CrossEntropy.InPlace(logits, targets, ids, scale: 0.25);
            Same($"cross-entropy of {ids}", wide.grad!, logits, tolerance);
            Assert.Equal(expected.item<double>(), loss.item<float>(), 1e-5 * Math.Max(1, expected.item<double>()));
        }
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void CrossEntropy_ALogitThatIsNotFinite_GivesALossThatIsNot(float value)
    {
        using var scope = NewDisposeScope();
        foreach (var at in new[] { 0, 20, 36 })
        {
            var logits = zeros(2, 128);
            logits[1, at] = tensor(value);
            Assert.False(float.IsFinite(CrossEntropy.InPlace(logits, zeros(2, dtype: ScalarType.Int64), 37, 1).item<float>()));
        }
    }

    [Theory]
    [InlineData(ScalarType.Float32, 1e-5)]
    [InlineData(ScalarType.BFloat16, 3e-2)]
    public void Gelu_IsTorchs(ScalarType type, double tolerance)
    {
        using var scope = NewDisposeScope();
        foreach (var count in new[] { 1, 16, 17, 1000 })
        {
            random.manual_seed(count);
            var (x, gradient) = ((randn(count) * 4).to(type), randn(count).to(type));
            x[0] = tensor(count == 16 ? -200f : 200f, dtype: type);
            var wide = x.to(ScalarType.Float64);
            wide.requires_grad = true;
            var expected = F.gelu(wide, TorchSharp.Modules.GELU.Approximate.tanh);
            expected.backward([gradient.to(ScalarType.Float64)]);
            Same($"GELU of {count}", expected, Gelu.Forward(x), tolerance);
            Same($"slope of {count}", wide.grad!, Gelu.Backward(x, gradient), tolerance);
        }
    }

    [Theory]
    [InlineData(ScalarType.Float32, 1e-6)]
    [InlineData(ScalarType.BFloat16, 1.0 / 256)]   // half a unit in the last place
    public void SwiGlu_IsTorchs(ScalarType type, double tolerance)
    {
        using var scope = NewDisposeScope();
        foreach (var (rows, width) in new[] { (1L, 16L), (5L, 48L), (33L, 272L) })
        {
            random.manual_seed(width);
            var (x, gradient) = (randn(rows, 2 * width).to(type), randn(rows, width).to(type));
            x[0, 0] = tensor(-200f, dtype: type);
            x[rows - 1, width - 1] = tensor(200f, dtype: type);
            Assert.True(SwiGlu.Takes(x));
            var wide = x.to(ScalarType.Float64);
            wide.requires_grad = true;
            var expected = F.silu(wide.narrow(-1, 0, width)).mul(wide.narrow(-1, width, width));
            expected.backward([gradient.to(ScalarType.Float64)]);
            Relative($"SwiGLU of {rows} × {width}", expected, SwiGlu.Forward(x));
            Relative("its gradient", wide.grad!, SwiGlu.Backward(x, gradient));
        }

        Assert.False(SwiGlu.Takes(zeros(2, 24)));

        void Relative(string what, Tensor expected, Tensor actual)   // near 0 absolute, else by the value's size
        {
            Assert.Equal(type, actual.dtype);
            var size = expected.detach().abs().clamp_min(1);
            Same(what, expected.detach().div(size), actual.to(ScalarType.Float64).div(size), tolerance);
        }
    }

    [Theory]
    [InlineData(1, 3, 3, 8, true, ScalarType.Float32, 2e-6)]
    [InlineData(17, 4, 2, 6, true, ScalarType.Float32, 2e-6)]   // two queries to a key, a row's end within a vector
    [InlineData(40, 6, 2, 16, true, ScalarType.Float32, 2e-6)]
    [InlineData(33, 2, 2, 16, false, ScalarType.Float32, 2e-6)]
    [InlineData(128, 4, 4, 16, true, ScalarType.Float32, 2e-6)]  // halves
    [InlineData(160, 6, 2, 8, true, ScalarType.Float32, 6e-6)]
    [InlineData(160, 4, 4, 8, false, ScalarType.Float32, 2e-6)]
    [InlineData(64, 4, 4, 16, true, ScalarType.BFloat16, 4e-2)]
    [InlineData(256, 2, 1, 16, true, ScalarType.BFloat16, 4e-2)]
    public void Attention_IsTorchs(int context, int queryHeads, int keyHeads, int headSize, bool causal, ScalarType type, double tolerance)
    {
        using var scope = NewDisposeScope();
        random.manual_seed(context);
        const int batch = 2;
        var heads = randn(batch, context, (queryHeads + 2 * keyHeads) * headSize).to(type);
        var gradient = randn(batch, context, queryHeads * headSize).to(type);
        var wide = heads.to(ScalarType.Float64);
        wide.requires_grad = true;
        Tensor Part(long first, long count) => wide.narrow(2, first * headSize, count * headSize).view(batch, context, count, headSize).transpose(1, 2);
        Tensor ForAll(Tensor x) => x.repeat_interleave(queryHeads / keyHeads, dim: 1);
        var (q, k, v) = (Part(0, queryHeads), ForAll(Part(queryHeads, keyHeads)), ForAll(Part(queryHeads + keyHeads, keyHeads)));
        var scores = q.matmul(k.transpose(-2, -1)) / Math.Sqrt(headSize);
        if (causal) scores = scores + full_like(scores[0, 0].detach(), double.NegativeInfinity).triu(1);
        var expected = scores.softmax(-1).matmul(v).transpose(1, 2).reshape(batch, context, -1);
        expected.backward([gradient.to(ScalarType.Float64)]);

        var (actual, kept) = Attention.Forward(heads, queryHeads, keyHeads, causal);
        Same("attention", expected, actual, tolerance);
        Same("its gradient", wide.grad!, Attention.Backward(kept, gradient), tolerance);
    }

    [Fact]
    public void ProductsOfWiderCopies_RoundOnce()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        random.manual_seed(6);
        var (x, weight, bias) = (randn(37, 48).to(ScalarType.BFloat16), randn(64, 48).to(ScalarType.BFloat16), randn(64).to(ScalarType.BFloat16));
        var expected = nn.functional.linear(x.to(ScalarType.Float64), weight.to(ScalarType.Float64), bias.to(ScalarType.Float64));
        var largest = expected.abs().max();
        foreach (var operand in new[] { x, x.to(ScalarType.Float32) })
        {
            var y = Products.WideLinear(operand, weight, bias);
            Assert.Equal(ScalarType.BFloat16, y.dtype);
            Same("bf16 product by way of fp32", expected.div(largest), y.to(ScalarType.Float64).div(largest), 1.0 / 256);   // half a unit in the last place of the largest
        }
    }

    [Theory]
    [InlineData(ScalarType.Float32, 6e-6)]
    [InlineData(ScalarType.BFloat16, 4e-2)]
    public void RowNorm_IsTorchs(ScalarType type, double tolerance)
    {
        using var scope = NewDisposeScope();
        foreach (var (rows, columns, isLayerNorm) in new[] { (1, 16, true), (7, 48, true), (7, 48, false), (65, 768, true), (65, 768, false) })
        {
            random.manual_seed(columns);
            Tensor Random(params long[] shape) => randn(shape).to(type);
            var (x, gain, bias, gradient) = ((Random(rows, columns) + 3).to(type), Random(columns), isLayerNorm ? Random(columns) : null, Random(rows, columns));
            Tensor Wide(Tensor t)
            {
                var wide = t.to(ScalarType.Float64);
                wide.requires_grad = true;
                return wide;
            }

            var (wideX, wideGain, wideBias) = (Wide(x), Wide(gain), bias is null ? null : Wide(bias));
            var expected = isLayerNorm ? F.layer_norm(wideX, [columns], wideGain, wideBias, 1e-5) : wideX * (wideX.square().mean([-1], keepdim: true) + 1e-5).rsqrt() * wideGain;
            expected.backward([gradient.to(ScalarType.Float64)]);

            Assert.True(RowNorm.Takes(x));
            var (y, moments) = RowNorm.Forward(x, gain, bias, 1e-5);
            var (dx, dGain, dBias) = RowNorm.Backward(x, moments, gain, isLayerNorm, gradient);
            Same($"norm of {rows} × {columns}", expected, y, tolerance);
            Same("its gradient", wideX.grad!, dx, tolerance);
            Same("its gain's", wideGain.grad!, dGain, 1e-6 * rows);
            Assert.Equal(isLayerNorm, dBias is not null);
            if (dBias is not null) Same("its bias's", wideBias!.grad!, dBias, 1e-6 * rows);
        }
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void GradientSum_AddsInFp32(ScalarType type)
    {
        using var scope = NewDisposeScope();
        foreach (var (rows, columns) in new[] { (1, 1), (3, 16), (9, 37), (64, 300), (1025, 128) })
        {
            random.manual_seed(rows);
            var (values, sum, total) = (randn(rows, columns).to(type), randn(rows, columns), randn(columns));
            for (var time = 1; time <= 2; time++)
            {
                GradientSum.Add(sum, values, isFirst: time == 1);
                GradientSum.AddRows(total, values, isFirst: time == 1);
                Same($"{time} × {rows} × {columns}", values.to(ScalarType.Float64) * time, sum, 1e-6);
                Same("its rows", values.to(ScalarType.Float64).sum(dim: 0) * time, total, 1e-6 * rows);
            }
        }
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(-104.5, 0)]
    [InlineData(float.NegativeInfinity, 0)]
    [InlineData(float.PositiveInfinity, float.PositiveInfinity)]
    [InlineData(89.5, float.PositiveInfinity)]
    [InlineData(float.NaN, float.NaN)]
    public void Exp_AtTheEnds(float x, float expected) => Assert.Equal(expected, VectorMath.Exp(Vector512.Create(x))[3]);

    [Fact]
    public void Exp_IsExactToTwoUnitsInTheLastPlace()
    {
        var worst = 0.0;
        for (var x = -87.3f; x < 88.7f; x += 0.00371f)
        {
            var expected = Math.Exp(x);
            worst = Math.Max(worst, Math.Abs(VectorMath.Exp(Vector512.Create(x))[0] - expected) / (MathF.BitIncrement((float)expected) - (float)expected));
        }

        output.WriteLine($"worst error {worst:0.00} units in the last place");
        Assert.InRange(worst, 0, 2);
    }

    [Fact]
    public void Max_IsTheLargestOfAllLanes()
    {
        for (var lane = 0; lane < 16; lane++) Assert.Equal(7, VectorMath.Max(Vector512.Create(-3f).WithElement(lane, 7)));
    }

    [Fact]
    public void OneDnn_Linear_IsTorchs()
    {
        using var scope = NewDisposeScope();
        foreach (var (rows, columns, width) in new[] { (1, 1, 1), (7, 37, 5), (256, 96, 64) })
        {
            var (x, w, b) = (randn(rows, width), randn(columns, width), randn(columns));
            foreach (var bias in new[] { null, b })
            {
                var expected = F.linear(x.to(ScalarType.Float64), w.to(ScalarType.Float64), bias?.to(ScalarType.Float64));
                Same($"linear {rows} × {width} × {columns}", expected, OneDnn.Linear(x, w, bias), 4e-5);
                Same("of a transposed weight", expected, OneDnn.Linear(x, w.t().contiguous().t(), bias), 4e-5);
            }
        }
    }

    [Fact]
    public void Run_EveryThreadSeesWhatAllDidBeforeABarrier()
    {
        var wrong = 0;
        var done = new int[OpenMp.Threads];
        OpenMp.Run((thread, threads) =>
        {
            for (var round = 1; round <= 2_000; round++)
            {
                done[thread] = round;
                OpenMp.Barrier();
                for (var other = 0; other < threads; other++)
                {
                    if (Volatile.Read(ref done[other]) < round) Interlocked.Increment(ref wrong);
                }
            }
        });
        Assert.Equal(0, wrong);
        Assert.All(done, rounds => Assert.Equal(2_000, rounds));
    }

    [Fact]
    public void Run_WorkThatThrows_ThrowsHere()
    {
        var failure = Assert.Throws<InvalidOperationException>(() => OpenMp.Run((thread, threads) =>
        {
            if (thread == threads - 1) throw new InvalidOperationException("of the last thread");
        }));
        Assert.Equal("of the last thread", failure.Message);
    }

    private void Same(string what, Tensor expected, Tensor actual, double tolerance)
    {
        Assert.Equal(expected.shape, actual.shape);
        var worst = (expected.detach() - actual.to(ScalarType.Float64)).abs().max().item<double>();
        output.WriteLine($"{what}, {actual.dtype}: worst error {worst:0.0e+0}, tolerance {tolerance:0e+0}");
        Assert.InRange(worst, 0, tolerance);
    }
}
