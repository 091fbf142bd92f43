using Dtt.Abstractions;
using Dtt.Core.Runs;

namespace Dtt.Grains.Runs;

/// <summary>How far a run is, for the index: folded from its reports, not durable by itself.</summary>
internal sealed class RunProgress
{
    private const int RecentSteps = 20;
    private readonly Queue<double> _rates = new();
    private long _step;
    private double? _trainLoss, _valLoss;

    /// <summary>What an index row says.</summary>
    public static RunProgress From(RunRow? row)
    {
        var progress = new RunProgress();
        if (row is null) return progress;
        (progress._step, progress._trainLoss, progress._valLoss) = (row.Step, row.TrainLoss, row.ValLoss);
        if (row.TokensPerSecond is { } rate) progress._rates.Enqueue(rate);
        return progress;
    }

    /// <summary>An attempt starts from a step.</summary>
    public void StartFrom(long step) => _step = step;

    /// <summary>The run stands at a checkpoint.</summary>
    public void StartFrom(CommittedCheckpoint checkpoint) => (_step, _trainLoss, _valLoss) = (checkpoint.Step, checkpoint.TrainLoss, checkpoint.ValLoss);

    /// <summary>Applies a row of metrics.</summary>
    public void Apply(StepMetrics row)
    {
        _step = row.Step;
        if (row.Values.TryGetValue(MetricNames.TrainLoss, out var train)) _trainLoss = train;
        if (row.Values.TryGetValue(MetricNames.ValLoss, out var val)) _valLoss = val;
        if (!row.Values.TryGetValue(MetricNames.TokensPerSecond, out var rate)) return;
        _rates.Enqueue(rate);
        while (_rates.Count > RecentSteps) _ = _rates.Dequeue();
    }

    /// <summary>The run's line.</summary>
    public RunRow Row(string folder, RunRecord record) => new()
    {
        Folder = folder,
        Run = record.Run,
        State = record.State,
        Step = _step,
        TotalSteps = record.TotalSteps,
        TrainLoss = _trainLoss,
        ValLoss = _valLoss,
        Tokens = _step * record.TokensPerStep,
        TokensPerSecond = _rates.Count == 0 ? null : _rates.Average(),
        Attempts = record.Attempts.Count,
        CreatedAt = record.CreatedAt,
        Version = record.Version,
    };
}
