using System.Diagnostics;
using System.Globalization;
using Dtt.Core.Configuration;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Spectre.Console;

namespace Dtt.Cli.Output;

/// <summary>Shows a run's progress on stderr: log lines, and under them a live bar when stderr is a terminal.</summary>
internal sealed class TrainDisplay(string run, RunConfig config, long totalSteps, long step)
{
    private readonly IAnsiConsole _console = Terminal.Error;
    private readonly Stopwatch _sinceStart = new();
    private ProgressTask? _bar;
    private long _total = totalSteps, _from = step;

    /// <summary>Runs the work with the bar below it.</summary>
    public Task ShowAsync(Func<Task> work)
    {
        if (!_console.Profile.Capabilities.Interactive || !_console.Profile.Out.IsTerminal) return work();
        return _console.Progress().AutoClear(true).HideCompleted(true)
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn())
            .StartAsync(async context =>
            {
                _bar = context.AddTask(Markup.Escape(run) + (_total == 0 ? " preparing" : ""));
                (_bar.MaxValue, _bar.Value) = (Math.Max(1, _total), _from);
                _sinceStart.Start();
                await work();
            });
    }

    /// <summary>Shows one message.</summary>
    public void Show(RankMessage message)
    {
        switch (message)
        {
            case RankStarted started:
                (_total, _from) = (started.Plan.TotalSteps, started.FromStep);
                _sinceStart.Restart();
                if (_bar is not null) _bar.MaxValue = _total;
                var plan = $"{started.Parameters:N0} parameters on {started.Device}; {_total:N0} steps of {started.Plan.TokensPerStep:N0} tokens";
                Line($"{run}: {plan}{(started.FromStep > 0 ? $", resuming from step {started.FromStep:N0}" : "")}");
                break;
            case MetricsReport report:
                foreach (var row in report.Rows) Show(row);
                break;
            case TrainingSample sample:
                Line($"      sample | {sample.Text.ReplaceLineEndings(" / ")}");
                break;
            case RankEvent happened:
                Line($"{happened.Kind}: {happened.Message}");
                break;
        }
    }

    private void Show(StepMetrics row)
    {
        if (row.Values.TryGetValue(MetricNames.ValLoss, out var val))
        {
            var (perplexity, bits) = (row.Values[MetricNames.ValPerplexity], row.Values[MetricNames.ValBitsPerByte]);
            Line($"  validation | loss {val:0.0000} | perplexity {perplexity:0.0} | bits per byte {bits:0.000}");
        }

        if (row.Values.TryGetValue(MetricNames.ChoiceAccuracy, out var right))
            Line($"     choices | right {right:0.0%} | by summed loss {row.Values[MetricNames.ChoiceAccuracyBySum]:0.0%}");
        if (!row.Values.TryGetValue(MetricNames.TrainLoss, out var loss)) return;
        if (row.Step % config.LogEvery == 0 || row.Step == _total) Line(StepLine.Format(row, _total));
        if (_bar is null) return;
        var left = _sinceStart.Elapsed / Math.Max(1, row.Step - _from) * (_total - row.Step);
        _bar.Value = row.Step;
        _bar.Description = string.Create(CultureInfo.InvariantCulture,
            $"{Markup.Escape(run)} step {row.Step:N0}/{_total:N0}  loss {loss:0.000}  {row.Values[MetricNames.TokensPerSecond]:N0} tok/s  ETA {left:m\\:ss}");
    }

    private void Line(string text)
    {
        text = Terminal.ForError(text);
        if (_bar is null) Console.Error.WriteLine(text);
        else _console.WriteLine(text);
    }
}
