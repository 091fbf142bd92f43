using Dtt.Training.Collectives;
using Dtt.Training.Native;
using static TorchSharp.torch;

namespace Dtt.Training.Tests.Collectives;

public sealed class GradientSyncTests
{
    [Theory]
    [InlineData("gpt2", true)]
    [InlineData("llama", true)]
    [InlineData("dtt", false)]
    public void Finish_HasSummedEveryValueOnce(string architecture, bool overlaps)
    {
        using var scope = NewDisposeScope();
        var (alone, together) = (Tiny.WithFormulaWeights(Tiny.Model(architecture)), Tiny.WithFormulaWeights(Tiny.Model(architecture)));
        var (inputs, targets) = Tiny.Batch();
        _ = alone.ForwardBackward(inputs, targets, 1, 0);
        var twins = new Twins(overlaps);
        var sync = new GradientSync(together.Parameters, twins);
        _ = together.ForwardBackward(inputs, targets, 1, 0, complete: sync.Complete);
        Assert.Equal(overlaps, twins.Begun > 0); // blocks go before the backward is over
        sync.Finish();
        Assert.Equal(Tiny.Values(alone.Parameters.Gradient!).Select(v => 2 * v), Tiny.Values(together.Parameters.Gradient!));
        Assert.Equal(together.Parameters.Size, twins.Values);
        Assert.True(twins.Joined);
    }

    [Fact]
    public void Merged_JoinsWhatTouches() =>
        Assert.Equal([(0L, 8L), (10L, 12L)], GradientSync.Merged([(4, 8), (10, 12), (0, 4)]));

    /// <summary>Two ranks that are always alike: a sum doubles.</summary>
    private sealed class Twins(bool overlaps) : ICollective
    {
        public int Begun { get; private set; }

        public long Values { get; private set; }

        public bool Joined { get; private set; }

        public int Rank => 0;

        public int WorldSize => 2;

        public bool Overlaps => overlaps;

        public void BeginAllReduce(Tensor values)
        {
            Begun++;
            Values += values.numel();
            values.add_(values, Number.One);
        }

        public void Join() => Joined = true;

        public void ThrowIfBroken()
        {
        }

        public void AllReduce(Tensor values) => throw new NotSupportedException();

        public void ReduceScatter(Tensor values, IReadOnlyList<long> cuts) => throw new NotSupportedException();

        public void AllGather(Tensor values, IReadOnlyList<long> cuts) => throw new NotSupportedException();

        public void Broadcast(Tensor values, int root) => throw new NotSupportedException();

        public void Barrier() => throw new NotSupportedException();

        public void Dispose()
        {
        }
    }
}
