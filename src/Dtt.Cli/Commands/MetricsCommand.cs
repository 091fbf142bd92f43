using System.CommandLine;
using System.Globalization;
using Dtt.Cli.Runs;
using Dtt.Core.Runs;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt metrics RUN</c>: every step's metrics, each step once.</summary>
internal static class MetricsCommand
{
    public static Command Create()
    {
        var run = RunArguments.Run("The run.");
        var json = JsonOutput.Option();
        var csv = new Option<bool>("--csv") { Description = "Comma-separated values (the default)." };
        var command = new Command("metrics", "Print a run's metrics, one row per step.") { run, json, csv };
        command.SetAction(async (result, cancellation) =>
        {
            await using var client = await Platform.ConnectAsync(cancellation);
            var curve = await RunLookup.CurveAsync((await RunLookup.FindAsync(client, result.GetValue(run)!)).Grain);
            if (result.GetValue(json)) JsonOutput.Print([.. curve.Select(Json)], JsonOutput.Records.DictionaryStringDoubleArray);
            else PrintCsv(curve);
        });
        return command;
    }

    /// <summary>The step, and a number for each metric.</summary>
    private static Dictionary<string, double> Json(StepMetrics row) => new(row.Values.Prepend(KeyValuePair.Create("step", (double)row.Step)));

    private static void PrintCsv(IReadOnlyList<StepMetrics> curve)
    {
        var names = curve.SelectMany(r => r.Values.Keys).Distinct().Order(StringComparer.Ordinal).ToArray();
        Console.Out.WriteLine(string.Join(",", names.Prepend("step")));
        foreach (var row in curve)
        {
            var values = names.Select(n => row.Values.TryGetValue(n, out var v) ? v.ToString("R", CultureInfo.InvariantCulture) : "");
            Console.Out.WriteLine(string.Join(",", values.Prepend(row.Step.ToString(CultureInfo.InvariantCulture))));
        }
    }
}
