using Dtt.Core.Configuration;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Data.Order;
using static TorchSharp.torch;

namespace Dtt.Training.Data;

/// <summary>The micro-batches that a rank computes of each step, in the run's order; the next one is read while one is computed.</summary>
internal sealed class MicroBatches : IDisposable
{
    private readonly RunConfig _config;
    private readonly RunPlan _plan;
    private readonly Device _device;
    private readonly BatchSource _windows;

    /// <summary>The share of one rank.</summary>
    public MicroBatches(TrainSpec spec, RunConfig config, TrainingData data, Device device)
    {
        (_config, _plan, _device) = (config, data.Plan, device);
        _windows = BatchSource.ForTraining(data, config.Model.ContextLength, new PositionMap(spec.LeftOut));
        (First, End) = StepPlan.DealtTo(spec.Rank, spec.WorldSize, StepPlan.MicroBatches(_plan.GlobalBatchWindows, config.MicroBatchSize));
    }

    /// <summary>The first micro-batch of a step that is this rank's.</summary>
    public long First { get; }

    /// <summary>The one after its last.</summary>
    public long End { get; }

    /// <summary>A micro-batch on the rank's device.</summary>
    /// <param name="step">Steps done before.</param>
    /// <param name="micro">Which of the step's, <see cref="First"/> … <see cref="End"/> − 1.</param>
    public MicroBatch Read(long step, long micro)
    {
        var (inputs, targets) = _windows.Read(WindowsOf(step, micro), _device);                                    // (B, T) each
        var (nextStep, nextMicro) = micro + 1 < End ? (step, micro + 1) : (step + 1, First);
        if (nextStep < _plan.TotalSteps) _windows.ReadAhead(WindowsOf(nextStep, nextMicro));
        return new MicroBatch(inputs, targets, 1.0 / _plan.TokensPerStep, Mixing.Seed(_config.Seed, Purpose.Dropout, step, micro));
    }

    /// <summary>Waits until nothing reads the shards any more.</summary>
    public void Dispose() => _windows.Dispose();

    /// <summary>The positions of a micro-batch in the data order: the last one of a step may be smaller.</summary>
    private (long Start, int Count) WindowsOf(long step, long micro)
    {
        var at = micro * _config.MicroBatchSize;
        return (step * _plan.GlobalBatchWindows + at, (int)Math.Min(_config.MicroBatchSize, _plan.GlobalBatchWindows - at));
    }
}
