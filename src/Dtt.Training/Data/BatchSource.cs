using Dtt.Core.Runs;
using Dtt.Data.Order;
using Dtt.Data.Tokens;
using TorchSharp;
using static TorchSharp.torch;

namespace Dtt.Training.Data;

/// <summary>Windows of tokens as tensors.</summary>
/// <param name="contextLength">T.</param>
/// <param name="windowAt">The window at a position, and where its tokens are.</param>
internal sealed class BatchSource(int contextLength, Func<long, (TokenShards Shards, WindowIndex Index, long Window)> windowAt) : IDisposable
{
    private ((long Start, int Count) Windows, Task<Batch> Batch)? _ahead;

    /// <summary>Training windows in the run's order: those at the positions that it does not leave out.</summary>
    public static BatchSource ForTraining(TrainingData data, int contextLength, PositionMap positions) => new(
        contextLength, window => data.At(positions.PositionOf(window)) is var (dataset, found) ? (dataset.Train, dataset.Windows, found) : default);

    /// <summary>Windows in canonical order.</summary>
    public static BatchSource ForValidation(TokenShards shards, WindowIndex index) => new(index.ContextLength, position => (shards, index, position));

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
            var host = tensor(values, [windows.Count, contextLength], dtype: ScalarType.Int64);
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
        var t = contextLength;
        var (window, inputs, targets) = (new long[t + 1], new long[windows.Count * t], new long[windows.Count * t]);
        for (var i = 0; i < windows.Count; i++)
        {
            var (shards, index, at) = windowAt(windows.Start + i);
            var (shard, offset) = index.Locate(at);
            shards.Read(shard, offset, window);
            window.AsSpan(0, t).CopyTo(inputs.AsSpan(i * t));
            window.AsSpan(1, t).CopyTo(targets.AsSpan(i * t));
        }

        return new Batch(inputs, targets);
    }

    private sealed record Batch(long[] Inputs, long[] Targets);
}
