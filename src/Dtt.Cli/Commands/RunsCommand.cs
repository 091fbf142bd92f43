using System.CommandLine;
using System.Text.Json.Nodes;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt runs</c>: all runs, oldest first.</summary>
internal static class RunsCommand
{
    public static Command Create()
    {
        var json = new Option<bool>("--json") { Description = "A JSON list." };
        var command = new Command("runs", "List the runs.") { json };
        command.SetAction(result =>
        {
            var store = RunArguments.Store();
            var runs = store.List().Select(r => RunSummary.Of(RunArguments.Find(store, r), store.ReadMetrics(r))).ToList();
            if (result.GetValue(json)) Console.Out.WriteLine(new JsonArray([.. runs.Select(r => r.ToJson())]).ToJsonString(JsonOutput.Options));
            else Print(runs);
        });
        return command;
    }

    private static void Print(List<RunSummary> runs)
    {
        if (runs.Count == 0)
        {
            Console.Error.WriteLine("no runs yet; start one with `dtt train` or `dtt quickstart`.");
            return;
        }

        string[] head = ["run", "state", "step", "train", "val", "tokens", "tok/s", "attempts"];
        var rows = runs.Select(r => (string[])[r.Run, r.StateWord, r.TotalSteps == 0 ? "" : $"{r.Step:N0}/{r.TotalSteps:N0}", $"{r.TrainLoss:0.0000}", $"{r.ValLoss:0.0000}", $"{r.Tokens:N0}", $"{r.TokensPerSecond:N0}", $"{r.Attempts}"]).Prepend(head).ToList();
        var widths = head.Select((_, column) => rows.Max(r => r[column].Length)).ToArray();
        foreach (var row in rows) Console.Out.WriteLine(string.Join("  ", row.Select((cell, column) => column < 2 ? cell.PadRight(widths[column]) : cell.PadLeft(widths[column]))).TrimEnd());
    }
}
