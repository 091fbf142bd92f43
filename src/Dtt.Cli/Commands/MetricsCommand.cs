using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Dtt.Cli.Runs;
using Dtt.Core.Runs;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt metrics RUN</c>: every step's metrics, each step once.</summary>
internal static class MetricsCommand
{
    public static Command Create()
    {
        var run = RunArguments.Run("The run.");
        var json = new Option<bool>("--json") { Description = "A JSON list of steps." };
        var csv = new Option<bool>("--csv") { Description = "Comma-separated values (the default)." };
        var command = new Command("metrics", "Print a run's metrics, one row a step.") { run, json, csv };
        command.SetAction(async (result, cancellation) =>
        {
            await using var client = await Platform.ConnectAsync(cancellation);
            var curve = await RunLookup.CurveAsync((await RunLookup.FindAsync(client, result.GetValue(run)!)).Grain);
            if (result.GetValue(json)) Console.Out.WriteLine(Json(curve).ToJsonString(JsonOutput.Options));
            else PrintCsv(curve);
        });
        return command;
    }

    private static JsonArray Json(IReadOnlyList<StepMetrics> curve) => new([.. curve.Select(row =>
    {
        var item = new JsonObject { ["step"] = row.Step };
        foreach (var (name, value) in row.Values) item[name] = double.IsFinite(value) ? value : null;
        return item;
    })]);

    private static void PrintCsv(IReadOnlyList<StepMetrics> curve)
    {
        var names = curve.SelectMany(r => r.Values.Keys).Distinct().Order(StringComparer.Ordinal).ToArray();
        Console.Out.WriteLine(string.Join(",", names.Prepend("step")));
        foreach (var row in curve)
            Console.Out.WriteLine(string.Join(",", names.Select(n => row.Values.TryGetValue(n, out var v) ? v.ToString("R", CultureInfo.InvariantCulture) : "").Prepend(row.Step.ToString(CultureInfo.InvariantCulture))));
    }
}
