using System.CommandLine;
using Dtt.Abstractions;
using Dtt.Cli.Output;
using Dtt.Cli.Runs;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt runs</c>: all runs, oldest first.</summary>
internal static class RunsCommand
{
    public static Command Create() => ListCommand.Create(
        new Command("runs", "List the runs."),
        (client, _) => client.Grains.GetGrain<IPlatformGrain>(0).RunsAsync(RunLookup.RunsFolder()),
        RunOutput.Of,
        JsonOutput.Records.RunOutputArray,
        Print,
        empty: "no runs yet; start one with `dtt train` or `dtt quickstart`.");

    /// <summary>A run's state in a word.</summary>
    public static string Word(RunRow run) => run.State.ToString().ToLowerInvariant();

    private static void Print(RunRow[] runs)
    {
        List<Column<RunRow>> columns =
        [
            new("run", r => r.Run),
            new("state", Word),
            new("step", r => r.TotalSteps == 0 ? "" : $"{r.Step:N0}/{r.TotalSteps:N0}", Right: true),
            new("train", r => $"{r.TrainLoss:0.0000}", Right: true),
            new("val", r => $"{r.ValLoss:0.0000}", Right: true),
            new("tokens", r => $"{r.Tokens:N0}", Right: true),
            new("tok/s", r => $"{r.TokensPerSecond:N0}", Right: true),
            new("attempts", r => $"{r.Attempts}", Right: true),
        ];

        // Runs of one folder need no column for it.
        if (runs.Select(r => Path.GetDirectoryName(r.Folder)).Distinct().Count() > 1) columns.Add(new("folder", r => r.Folder));
        Table.Print(runs, columns);
    }
}
