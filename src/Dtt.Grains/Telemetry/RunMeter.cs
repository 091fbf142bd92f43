using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Dtt.Abstractions;
using Dtt.Core.Runs;

namespace Dtt.Grains.Telemetry;

/// <summary>The metrics of the runs that live in this silo, for whoever collects <see cref="Name"/>; nothing is measured when nobody does.</summary>
public sealed class RunMeter : IDisposable
{
    /// <summary>The meter's name.</summary>
    public const string Name = "Dtt.Runs";

    private readonly ConcurrentDictionary<string, (RunRow Row, double? Goodput)> _runs = new();
    private readonly Meter _meter = new(Name);
    private readonly Histogram<double> _stepSeconds;
    private readonly Instrument _goodput;

    /// <summary>Makes the instruments.</summary>
    public RunMeter()
    {
        _stepSeconds = _meter.CreateHistogram<double>("dtt.run.step_seconds", "s", "Durations of steps.");
        _ = _meter.CreateObservableGauge("dtt.run.state", () => _runs.Values.Select(r => new Measurement<int>(1,
            [.. Tags(r.Row), new("state", r.Row.State.ToString().ToLowerInvariant())])), null, "1, with the run's state as an attribute.");
        Gauge("dtt.run.step", "{step}", "Steps done.", r => r.Row.Step);
        Gauge("dtt.run.attempts", "{attempt}", "Attempts so far.", r => r.Row.Attempts);
        Gauge("dtt.run.train_loss", null, "Last training loss, nats per token.", r => r.Row.TrainLoss);
        Gauge("dtt.run.val_loss", null, "Last validation loss, nats per token.", r => r.Row.ValLoss);
        Gauge("dtt.run.tokens_per_second", "{token}/s", "Mean of the last steps.", r => r.Row.TokensPerSecond);
        _goodput = Gauge("dtt.run.goodput", "1", "Share of the run's time in steps that count.", r => r.Goodput);
    }

    /// <summary>Whether somebody collects these.</summary>
    public bool IsCollected => _goodput.Enabled;

    /// <summary>How a run stands.</summary>
    public void Set(RunRow row)
    {
        if (IsCollected) _ = _runs.AddOrUpdate(row.Folder, (row, null), (_, was) => (row, was.Goodput));
    }

    /// <summary>A run's goodput.</summary>
    public void Set(RunRow row, double goodput) => _runs[row.Folder] = (row, goodput);

    /// <summary>Steps that a run did.</summary>
    public void Add(RunRow row, IEnumerable<StepMetrics> steps)
    {
        if (!_stepSeconds.Enabled) return;
        foreach (var step in steps)
        {
            if (step.Values.TryGetValue(MetricNames.StepSeconds, out var seconds)) _stepSeconds.Record(seconds, [.. Tags(row)]);
        }
    }

    /// <summary>The run does not live here any more.</summary>
    public void Forget(string folder) => _runs.TryRemove(folder, out _);

    /// <inheritdoc/>
    public void Dispose() => _meter.Dispose();

    private Instrument Gauge(string name, string? unit, string description, Func<(RunRow Row, double? Goodput), double?> value) =>
        _meter.CreateObservableGauge(name, () => _runs.Values
            .Where(r => value(r) is { } number && double.IsFinite(number))
            .Select(r => new Measurement<double>(value(r)!.Value, [.. Tags(r.Row)])), unit, description);

    private static IEnumerable<KeyValuePair<string, object?>> Tags(RunRow row) => [new("run", row.Run), new("folder", row.Folder)];
}
