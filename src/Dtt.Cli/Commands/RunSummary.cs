using System.Text.Json.Nodes;
using Dtt.Abstractions.Runs;

namespace Dtt.Cli.Commands;

/// <summary>A run in one line, for lists.</summary>
internal sealed record RunSummary(string Run, RunState State, long Step, long TotalSteps, double? TrainLoss, double? ValLoss, long Tokens, double? TokensPerSecond, int Attempts)
{
    private const int RecentSteps = 20;

    public string StateWord => State.ToString().ToLowerInvariant();

    public static RunSummary Of(RunRecord record, IReadOnlyList<StepMetrics> curve)
    {
        double? Last(string name) => curve.Reverse().Where(r => r.Values.ContainsKey(name)).Select(r => (double?)r.Values[name]).FirstOrDefault();
        var step = curve.Count == 0 ? 0 : curve[^1].Step;
        var recent = curve.TakeLast(RecentSteps).Where(r => r.Values.ContainsKey(MetricNames.TokensPerSecond)).Select(r => r.Values[MetricNames.TokensPerSecond]).ToArray();
        return new RunSummary(record.Run, record.State, step, record.TotalSteps, Last(MetricNames.TrainLoss), Last(MetricNames.ValLoss),
            step * record.TokensPerStep, recent.Length == 0 ? null : recent.Average(), record.Attempts.Count);
    }

    public JsonObject ToJson() => new()
    {
        ["run"] = Run,
        ["state"] = StateWord,
        ["step"] = Step,
        ["total_steps"] = TotalSteps,
        ["train_loss"] = TrainLoss,
        ["val_loss"] = ValLoss,
        ["tokens"] = Tokens,
        ["tokens_per_second"] = TokensPerSecond,
        ["attempts"] = Attempts,
    };
}
