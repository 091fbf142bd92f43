using System.CommandLine;
using System.Text.Json.Nodes;
using Dtt.Abstractions;
using Dtt.Cli.Output;
using Dtt.Cli.Runs;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt runs</c>: all runs, oldest first.</summary>
internal static class RunsCommand
{
    public static Command Create()
    {
        var json = new Option<bool>("--json") { Description = "A JSON list." };
        var command = new Command("runs", "List the runs.") { json };
        command.SetAction(async (result, cancellation) =>
        {
            await using var client = await Platform.ConnectAsync(cancellation);
            var runs = await client.Grains.GetGrain<IPlatformGrain>(0).RunsAsync(RunLookup.RunsFolder());
            if (result.GetValue(json)) Console.Out.WriteLine(new JsonArray([.. runs.Select(Json)]).ToJsonString(JsonOutput.Options));
            else Print(runs);
        });
        return command;
    }

    public static JsonObject Json(RunRow run) => new()
    {
        ["run"] = run.Run,
        ["state"] = Word(run),
        ["step"] = run.Step,
        ["total_steps"] = run.TotalSteps,
        ["train_loss"] = run.TrainLoss,
        ["val_loss"] = run.ValLoss,
        ["tokens"] = run.Tokens,
        ["tokens_per_second"] = run.TokensPerSecond,
        ["attempts"] = run.Attempts,
        ["folder"] = run.Folder,
    };

    public static string Word(RunRow run) => run.State.ToString().ToLowerInvariant();

    private static void Print(RunRow[] runs)
    {
        if (runs.Length == 0)
        {
            Console.Error.WriteLine("no runs yet; start one with `dtt train` or `dtt quickstart`.");
            return;
        }

        // Runs of one folder need no column for it.
        var folders = runs.Select(r => Path.GetDirectoryName(r.Folder)).Distinct().Count() > 1;
        Table.Print(["run", "state", "step", "train", "val", "tokens", "tok/s", "attempts", .. folders ? ["folder"] : Array.Empty<string>()], leftAligned: [0, 1, 8],
            runs.Select(r => (string[])[r.Run, Word(r), r.TotalSteps == 0 ? "" : $"{r.Step:N0}/{r.TotalSteps:N0}", $"{r.TrainLoss:0.0000}", $"{r.ValLoss:0.0000}", $"{r.Tokens:N0}", $"{r.TokensPerSecond:N0}", $"{r.Attempts}", .. folders ? [r.Folder] : Array.Empty<string>()]));
    }
}
