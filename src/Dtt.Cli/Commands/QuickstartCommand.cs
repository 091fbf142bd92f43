using System.CommandLine;
using System.Diagnostics;
using Dtt.Abstractions.Configuration;
using Dtt.Abstractions.Errors;
using Dtt.Abstractions.Runs;
using Dtt.Cli.Output;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt quickstart</c>: download, tokenize and train with <c>configs/quickstart.yaml</c>, and a look at the result.</summary>
internal static class QuickstartCommand
{
    private const string ConfigFile = "configs/quickstart.yaml";

    public static Command Create()
    {
        var command = new Command("quickstart", $"From nothing to a sampled model in minutes: download, tokenize and train with {ConfigFile}.");
        var options = new ConfigOptions(command, tokenizer: true, training: true);
        command.SetAction(async (result, _) =>
        {
            var clock = Stopwatch.StartNew();
            var config = options.Load(result, ConfigFile);
            var dataset = ConfigLoader.LoadDataset(config);
            DownloadCommand.Run(config, dataset);
            TokenizeCommand.Run(config, dataset);
            var (run, code) = await TrainCommand.RunAsync(config);
            if (code == ExitCodes.Success) Tell(config, run, clock.Elapsed);
            return code;
        });
        return command;
    }

    private static void Tell(LoadedConfig config, string run, TimeSpan took)
    {
        var store = new FileRunStore(config.Paths.Runs, TimeProvider.System);
        var record = RunArguments.Find(store, run);
        var samples = Path.Combine(store.FolderOf(run), "samples");
        var picture = Path.Combine(store.FolderOf(run), "loss.png");
        LossPlot.Save([(run, store.ReadMetrics(run))], picture);
        var o = Console.Out;
        o.WriteLine();
        o.WriteLine("0 tokens of training:");
        o.WriteLine(File.ReadAllText(Path.Combine(samples, $"step_{0:00000000}.txt")));
        o.WriteLine($"{record.TotalSteps * record.TokensPerStep:N0} tokens of training:");
        o.WriteLine(File.ReadAllText(Path.Combine(samples, $"step_{record.TotalSteps:00000000}.txt")));
        o.WriteLine($"loss curve: {Path.GetRelativePath(Environment.CurrentDirectory, picture)}");
        o.WriteLine($"took {took:m\\:ss}; try next:");
        var dtt = Environment.GetEnvironmentVariable("DTT_COMMAND") is { Length: > 0 } typed ? typed : "dtt";
        o.WriteLine($"  {dtt} sample {run} -p \"Once upon a time\" --num 3");
        o.WriteLine($"  {dtt} show {run}");
        o.WriteLine($"  {dtt} train -c configs/quickstart.yaml -n bigger --set n_blocks=6 --set max_steps=2000");
    }
}
