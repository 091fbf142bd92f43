using System.Diagnostics;
using System.Runtime.InteropServices;
using Dtt.Core.Models;
using Dtt.Training.Kernels.Torch;
using Dtt.Training.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Dtt.Training.Kernels.Cuda;

/// <summary>What NVIDIA GPUs do faster than by torch's operations one by one: kernels of our own, and torch's that TorchSharp does not offer.</summary>
/// <param name="device">The GPU.</param>
/// <param name="code">Our kernels; null: they cannot be compiled, and torch's do the work.</param>
internal sealed class CudaKernels(Device device, CudaModule? code) : TorchKernels(device)
{
    private const int PeakSize = 8192, PeakWarmups = 3, PeakTries = 10;

    // A script of single calls: compiled blocks may give other bits on their first run. 6 is fp32.
    private const string Source = """
        def add_product(sum: Tensor, left: Tensor, right: Tensor, beta: float):
            torch.addmm(sum, left, right, 6, beta=beta, alpha=1.0, out=sum)
            return 0

        def embedding_gradient(rows: Tensor, ids: Tensor, count: int):
            return torch.embedding_dense_backward(rows, ids, count, -1, False)

        """;

    private static readonly Lazy<jit.CompilationUnit> _script = new(Compile);

    /// <summary>Torch's operations that TorchSharp does not offer.</summary>
    internal static jit.CompilationUnit Compile() => jit.compile(Source);

    public override string? Missing => code is null ? CudaCode.Missing : null;

    public override int HeadRows(int ids) => code is null ? base.HeadRows(ids) : ModelArithmetic.HeadRows(ids, onCpu: false);

    public override (Tensor Output, Saved? Saved) Norm(Tensor x, Tensor gain, Tensor? bias, double epsilon, bool save)
    {
        if (CodeFor(x) is not { } module) return base.Norm(x, gain, bias, epsilon, save);
        var input = Packs.Aligned(x).alias();
        var (y, moments) = RowNorm.Forward(module, input, gain, bias, (float)epsilon);
        return (y, save ? new SavedNorm(input, moments) : null);
    }

    public override Tensor NormBackward(Tensor gradient, Saved saved, Tensor gain, GradientSum gainSum, GradientSum? biasSum)
    {
        if (saved is not SavedNorm(var x, var moments)) return base.NormBackward(gradient, saved, gain, gainSum, biasSum);
        var (module, d) = (code!, Packs.Aligned(gradient));
        using var sums = ColumnSums.OfNorm(module, d, x, moments);                                 // (2, C)
        AddGradient(gainSum, sums[0]);
        if (biasSum is { } sum) AddGradient(sum, sums[1]);
        return RowNorm.Backward(module, d, x, gain, moments, centered: biasSum is not null);
    }

    public override Tensor CrossEntropyInPlace(Tensor logits, Tensor targets, int ids, double scale) => CodeFor(logits) is { } module
        ? CrossEntropy.InPlace(module, logits, targets, ids, (float)scale)
        : base.CrossEntropyInPlace(logits, targets, ids, scale);

    /// <summary>By sorting the ids: always in the same order, as an addition of each row where it belongs is not.</summary>
    public override void AddEmbeddingGradient(Tensor sum, Tensor ids, Tensor rows)
    {
        using var count = sum.shape[0].ToScalar();
        using var gradient = _script.Value.invoke<Tensor>("embedding_gradient", rows, ids, count);
        sum.add_(gradient, Number.One);
    }

    /// <summary>The rate of 8,192³ products of random values, the median of ten; null: there is no memory for them.</summary>
    public override double? MatmulPeak(ScalarType type)
    {
        using var scope = NewDisposeScope();
        var runtime = CudaRuntime.Loaded;
        var done = runtime.NewEvent();
        try
        {
            var matrix = randn(PeakSize, PeakSize, dtype: type, device: Device);
            var seconds = new List<double>();
            for (var i = 0; i < PeakWarmups + PeakTries; i++)
            {
                var clock = Stopwatch.StartNew();
                matrix.matmul(matrix).Dispose();
                runtime.Record(done, runtime.TorchStream());
                runtime.Synchronize(done);
                if (i >= PeakWarmups) seconds.Add(clock.Elapsed.TotalSeconds);
            }

            return 2.0 * Math.Pow(PeakSize, 3) / seconds.Order().ElementAt(PeakTries / 2);
        }
        catch (ExternalException e) when (TorchRuntime.IsOutOfMemory(e))
        {
            return null;
        }
        finally
        {
            runtime.DestroyEvent(done);
        }
    }

    /// <summary>In one product that reads bf16 and adds to fp32: nothing is rounded in between, and nothing is moved twice.</summary>
    protected override void AddProduct(GradientSum sum, Tensor left, Tensor right)
    {
        if (left.dtype == ScalarType.Float32)
        {
            base.AddProduct(sum, left, right);
            return;
        }

        using var beta = (sum.IsFirst ? 0.0 : 1.0).ToScalar();
        using var done = _script.Value.invoke<Scalar>("add_product", sum.Values, left, right, beta);
    }

    protected override void AddRows(GradientSum sum, Tensor rows)
    {
        if (CodeFor(rows) is not { } module)
        {
            base.AddRows(sum, rows);
            return;
        }

        using var sums = ColumnSums.Of(module, Packs.Aligned(rows));                                                // (1, C)
        AddGradient(sum, sums[0]);
    }

    /// <summary>Our kernels, if they take rows such as these.</summary>
    private CudaModule? CodeFor(Tensor values) => Packs.Fit(values.shape[^1], values.dtype) ? code : null;

    /// <summary>What our norm saves: its input, and its rows' moments.</summary>
    private sealed record SavedNorm(Tensor X, Tensor Moments) : Saved(X, Moments);
}
