using Dtt.Core.Runs;
using Dtt.Data.Order;
using Dtt.Data.Tokens;
using TorchSharp;
using static TorchSharp.torch;

namespace Dtt.Training.Data;

/// <summary>Windows of tokens as tensors.</summary>
internal sealed class BatchSource(TokenShards shards, WindowIndex index, Func<long, long> windowAt) : IDisposable
{
    private ((long Start, int Count) Windows, Task<Batch> Batch)? _ahead;

    /// <summary>Training windows in the run's order: those at the positions that it does not leave out.</summary>
    public static BatchSource ForTraining(TokenShards shards, WindowIndex index, long seed, PositionMap positions)
    {
        var order = new WindowOrder(index.Count, seed, (long)index.Stride * shards.TokenBytes);
        return new BatchSource(shards, index, window => order.Window(positions.PositionOf(window)));
    }

    /// <summary>Windows in canonical order.</summary>
    public static BatchSource ForValidation(TokenShards shards, WindowIndex index) => new(shards, index, position => position);

    /// <summary>Starts reading what <see cref="Read"/> will be asked for next, in the background: pages of a slow file system come in meanwhile.</summary>
    public void ReadAhead((long Start, int Count) windows) => _ahead = (windows, Task.Run(() => Fill(windows)));

    /// <summary>The windows at positions [Start, Start + Count): inputs (Count, T) and targets (Count, T), int64.</summary>
    public (Tensor Inputs, Tensor Targets) Read((long Start, int Count) windows, Device device)
    {
        var ahead = _ahead?.Batch.GetAwaiter().GetResult();
        var batch = _ahead?.Windows == windows ? ahead! : Fill(windows);
        _ahead = null;
        return (On(batch.Inputs), On(batch.Targets));

        Tensor On(long[] values)
        {
            var host = tensor(values, [windows.Count, index.ContextLength], dtype: ScalarType.Int64);
            return device.type == DeviceType.CPU ? host : host.pin_memory().to(device, non_blocking: true);
        }
    }

    /// <summary>Waits until nothing reads the shards any more.</summary>
    public void Dispose()
    {
        if (_ahead is { } ahead) Task.WhenAny(ahead.Batch).Wait();
    }

    private Batch Fill((long Start, int Count) windows)
    {
        var t = index.ContextLength;
        var (window, inputs, targets) = (new long[t + 1], new long[windows.Count * t], new long[windows.Count * t]);
        for (var i = 0; i < windows.Count; i++)
        {
            var (shard, offset) = index.Locate(windowAt(windows.Start + i));
            shards.Read(shard, offset, window);
            window.AsSpan(0, t).CopyTo(inputs.AsSpan(i * t));
            window.AsSpan(1, t).CopyTo(targets.AsSpan(i * t));
        }

        return new Batch(inputs, targets);
    }

    private sealed record Batch(long[] Inputs, long[] Targets);
}
