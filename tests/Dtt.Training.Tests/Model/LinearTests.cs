using Dtt.Training.Model;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Dtt.Training.Tests.Model;

public sealed class LinearTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(7, 5)]
    [InlineData(131, 37)]   // rows and columns that fill no vector
    [InlineData(1030, 64)]
    [InlineData(4096, 768)]
    public void Of_ASingleRow_IsWhatTorchComputes(int rows, int columns)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        random.manual_seed(rows);
        foreach (var type in new[] { ScalarType.Float32, ScalarType.BFloat16 })
        {
            var (x, w, b) = (randn(1, 1, columns).to(type), randn(rows, columns).to(type), randn(rows).to(type));
            foreach (var bias in new[] { null, b })
            {
                var expected = F.linear(x.to(ScalarType.Float64), w.to(ScalarType.Float64), bias?.to(ScalarType.Float64)).to(ScalarType.Float32);
                var actual = Linear.Of(x, w, bias);
                Assert.Equal((type, "1,1," + rows), (actual.dtype, string.Join(',', actual.shape)));
                var tolerance = (type == ScalarType.Float32 ? 1e-5 : 1e-2) * Math.Sqrt(columns);
                Assert.All(Tiny.Values(expected).Zip(Tiny.Values(actual.to(ScalarType.Float32))), p => Assert.Equal(p.First, p.Second, tolerance));
            }
        }
    }
}
