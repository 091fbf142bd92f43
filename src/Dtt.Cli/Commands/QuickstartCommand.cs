using System.CommandLine;
using System.Diagnostics;
using Dtt.Cli.Output;
using Dtt.Cli.Runs;
using Dtt.Core.Errors;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt quickstart</c>: download, tokenize and train with <c>configs/quickstart.yaml</c>, and a look at the result.</summary>
internal static class QuickstartCommand
{
    private const string ConfigFile = "configs/quickstart.yaml";

    public static Command Create()
    {
        var command = new Command("quickstart", $"From nothing to a trained model in minutes: download, tokenize and train with {ConfigFile}.");
        var options = new ConfigOptions(command, tokenizer: true, training: true);
        command.SetAction(async (result, cancellation) =>
        {
            var clock = Stopwatch.StartNew();
            var config = options.Load(result, ConfigFile);
            var datasets = StageCommand.Datasets(config);
            await using var client = await Platform.ConnectAsync(cancellation);
            foreach (var rawOnly in new[] { true, false })
            {
                if (await StageCommand.RunAsync(client, datasets, rawOnly) is var stopped && stopped != ExitCodes.Success) return stopped;
            }

            var (folder, code, samples) = await TrainCommand.RunAsync(client, config);
            if (code == ExitCodes.Success) await PrintResultAsync(folder, samples, clock.Elapsed);
            return code;
        });
        return command;
    }

    private static async Task PrintResultAsync(string folder, IReadOnlyDictionary<long, string> samples, TimeSpan took)
    {
        // A connection of its own: by the end of the run another silo may have taken over.
        await using var client = await Platform.ConnectAsync();
        var (grain, view) = await RunLookup.FindAsync(client, folder);
        var (run, record, picture) = (view.Record.Run, view.Record, Path.Combine(folder, "loss.png"));
        LossPlot.Save([(run, await RunLookup.CurveAsync(grain))], picture);
        var o = Console.Out;
        foreach (var step in new[] { 0, record.TotalSteps })
        {
            if (!samples.TryGetValue(step, out var text)) continue;
            o.WriteLine();
            o.WriteLine($"{step * record.TokensPerStep:N0} tokens of training:");
            o.WriteLine(text);
        }

        o.WriteLine();
        o.WriteLine($"loss curve: {Path.GetRelativePath(Environment.CurrentDirectory, picture)}");
        o.WriteLine($"took {took:m\\:ss}; next, try:");
        var dtt = Environment.GetEnvironmentVariable("DTT_COMMAND") is { Length: > 0 } typed ? typed : "dtt";
        o.WriteLine($"  {dtt} sample {run} -p \"Once upon a time\" --num 3");
        o.WriteLine($"  {dtt} show {run}");
        o.WriteLine($"  {dtt}-tui");
    }
}
