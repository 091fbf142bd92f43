using System.Runtime.Intrinsics;
using Dtt.Training.Kernels.Cpu;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Dtt.Training.Tests.Kernels.Cpu;

/// <summary>What the CPU's kernels are made of, against .NET's and torch's operations in fp64.</summary>
public sealed class CpuKernelTests(ITestOutputHelper output)
{
    [Fact]
    public void Products_ByWayOfFp32_RoundOnce()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        random.manual_seed(6);
        var (x, weight, bias) = (randn(37, 48).to(ScalarType.BFloat16), randn(64, 48).to(ScalarType.BFloat16), randn(64).to(ScalarType.BFloat16));
        var expected = nn.functional.linear(x.to(ScalarType.Float64), weight.to(ScalarType.Float64), bias.to(ScalarType.Float64));
        var largest = expected.abs().max();
        foreach (var operand in new[] { x, x.to(ScalarType.Float32) })
        {
            var y = Products.UpcastLinear(operand, weight, bias);
            Assert.Equal(ScalarType.BFloat16, y.dtype);

            // Half a unit in the last place of the largest.
            Same("bf16 product by way of fp32", expected.div(largest), y.to(ScalarType.Float64).div(largest), 1.0 / 256);
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
