using System.CommandLine;
using Dtt.Abstractions.Configuration;
using Dtt.Cli.Output;
using Dtt.Cli.Ranks;
using Dtt.Data.Order;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt train</c>: a new run.</summary>
internal static class TrainCommand
{
    public static Command Create()
    {
        var command = new Command("train", "Train a model on a tokenized dataset.");
        var options = new ConfigOptions(command, tokenizer: true, training: true);
        var dryRun = new Option<bool>("--dry-run") { Description = "Check everything and print the configuration, the parameters and the arithmetic; start nothing." };
        var debug = new Option<bool>("--debug") { Description = "Print a stack trace on every error." };
        command.Add(dryRun);
        command.Add(debug);
        command.SetAction(async (result, _) =>
        {
            if (result.GetValue(debug)) ErrorReport.ShowStacks = true;
            var config = options.Load(result);
            if (result.GetValue(dryRun)) return DryRun.Print(config);
            return (await RunAsync(config)).ExitCode;
        });
        return command;
    }

    /// <summary>Checks the data, creates the run and trains it.</summary>
    public static async Task<(string Run, int ExitCode)> RunAsync(LoadedConfig config)
    {
        using (TrainingData.Open(config.Paths.Tokens, config.Paths.Tokenizer, config.Run, frozenGlobalBatch: 0))
        {
            // Opened to be checked: a run is only created when its data fit.
        }

        var store = new Abstractions.Runs.FileRunStore(config.Paths.Runs, TimeProvider.System);
        var run = store.Create(config.Run.Name, config.Values.ToYaml(), config.Paths).Run;
        if (run != config.Run.Name) Console.Error.WriteLine($"there is a run '{config.Run.Name}' already; this one is '{run}'.");
        var cudaOrigin = config.Values.IsSet("cuda") && config.Run.Cuda ? config.Values.Origin("cuda") : null;
        return (run, await new TrainSession(store, run, cudaOrigin).RunAsync());
    }
}
