using Dtt.Core.Configuration;
using Dtt.Core.Runs;

namespace Dtt.Training.Telemetry;

/// <summary>
/// Looks for spikes of the training loss: a loss more than sigma standard deviations above the mean of the last steps, or no number. The losses that it knows
/// go with every checkpoint, so that it sees the same after a kill; those of a step are the same on all ranks.
/// </summary>
/// <param name="config">What a spike is.</param>
/// <param name="recent">The losses of the steps before, oldest first, nats per token.</param>
internal sealed class SpikeWatch(SpikeConfig config, IReadOnlyList<double> recent)
{
    private readonly Queue<double> _recent = new(recent.TakeLast(config.Window));

    /// <summary>The losses of the last steps, oldest first.</summary>
    public IReadOnlyList<double> Recent => [.. _recent];

    /// <summary>The spike that a step is; null: it is none. Until there are enough steps before it, only what is not finite is one.</summary>
    /// <param name="step">The step.</param>
    /// <param name="loss">Its loss, nats per token.</param>
    /// <param name="gradNorm">Its gradient's norm.</param>
    public LossSpike? Look(long step, double loss, double gradNorm)
    {
        var bound = double.PositiveInfinity;
        if (_recent.Count == config.Window)
        {
            var mean = _recent.Average();
            bound = mean + config.Sigma * Math.Sqrt(_recent.Sum(l => (l - mean) * (l - mean)) / _recent.Count);
        }

        return loss <= bound && double.IsFinite(loss) && double.IsFinite(gradNorm) ? null : new LossSpike(step, loss, bound);
    }

    /// <summary>Takes the loss of a step into account.</summary>
    public void Add(double loss)
    {
        _recent.Enqueue(loss);
        if (_recent.Count > config.Window) _recent.Dequeue();
    }
}
