using Dtt.Data.Order;
using Dtt.Data.Tokens;
using static TorchSharp.torch;

namespace Dtt.Training.Data;

/// <summary>Windows of tokens as tensors.</summary>
internal sealed class BatchSource(TokenShards shards, WindowIndex index, Func<long, long> windowAt)
{
    private readonly long[] _window = new long[index.ContextLength + 1];

    /// <summary>Training windows in the run's order.</summary>
    public static BatchSource ForTraining(TokenShards shards, WindowIndex index, long seed) =>
        new(shards, index, new WindowOrder(index.Count, seed, (long)index.Stride * shards.TokenBytes).Window);

    /// <summary>Windows in canonical order.</summary>
    public static BatchSource ForValidation(TokenShards shards, WindowIndex index) => new(shards, index, position => position);

    /// <summary>The windows at positions [start, start + count): inputs (count, T) and targets (count, T), int64.</summary>
    public (Tensor Inputs, Tensor Targets) Read(long start, int count, Device device)
    {
        var t = index.ContextLength;
        var (inputs, targets) = (new long[count * t], new long[count * t]);
        for (var i = 0; i < count; i++)
        {
            var (shard, offset) = index.Locate(windowAt(start + i));
            shards.Read(shard, offset, _window);
            _window.AsSpan(0, t).CopyTo(inputs.AsSpan(i * t));
            _window.AsSpan(1, t).CopyTo(targets.AsSpan(i * t));
        }

        return (tensor(inputs, [count, t], dtype: ScalarType.Int64, device: device), tensor(targets, [count, t], dtype: ScalarType.Int64, device: device));
    }
}
