using Dtt.Core.Runs;

namespace Dtt.Data.Order;

/// <summary>Which windows a step of a run has, and where they lie: the data order from a step to its tokens.</summary>
/// <param name="data">The run's data, with the windows of a step as the run froze them.</param>
/// <param name="positions">The positions that the run trains on.</param>
public sealed class StepWindows(TrainingData data, PositionMap positions)
{
    /// <summary>The windows of a step, in its order.</summary>
    /// <param name="step">The step, from 1, as the log counts them.</param>
    public IEnumerable<StepWindow> Of(long step)
    {
        var g = data.Plan.GlobalBatchWindows;
        for (var i = (step - 1) * g; i < step * g; i++)
        {
            var position = positions.PositionOf(i);
            var (dataset, own) = data.Order.At(position);
            var (windows, window) = (data.Datasets[dataset].Windows, data.Datasets[dataset].Window(own));
            var (shard, offset) = windows.Locate(window);
            yield return new StepWindow(dataset, position, own / windows.Count + 1, window, shard, offset);
        }
    }
}

/// <summary>A window of a step.</summary>
/// <param name="Dataset">The number of its dataset.</param>
/// <param name="Position">Its position in the data order.</param>
/// <param name="Epoch">The pass over the dataset, from 1.</param>
/// <param name="Window">Its number in canonical order.</param>
/// <param name="Shard">The training shard that it lies in.</param>
/// <param name="Offset">Its first token in the shard.</param>
public sealed record StepWindow(int Dataset, long Position, long Epoch, long Window, int Shard, long Offset);
