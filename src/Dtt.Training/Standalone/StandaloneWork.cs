using System.Security.Cryptography;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Platform;
using Dtt.Core.Ranks;
using Dtt.Core.Runs;
using Dtt.Data.Tokenizers;
using Dtt.Training.Checkpoints;

namespace Dtt.Training.Standalone;

/// <summary><c>dtt-rank --standalone</c>: trains a run in this one process.</summary>
internal static class StandaloneWork
{
    private const string NoSamples = "--no-samples";

    /// <summary>Trains a new run, or goes on with one; the exit code.</summary>
    /// <param name="what">A configuration file, or the folder of a run that stands alone.</param>
    /// <param name="settings"><c>KEY=VALUE</c> for a new run; <c>--no-samples</c>.</param>
    /// <exception cref="UserErrorException">The configuration or the data are wrong, or the run failed.</exception>
    public static int Run(string what, IReadOnlyList<string> settings)
    {
        var keys = settings.Where(s => s != NoSamples).ToList();
        using var run = Directory.Exists(what) ? Open(what, keys) : Create(what, keys);
        var channel = new StandaloneChannel(run);
        Console.CancelKeyPress += (_, e) =>
        {
            e.Cancel = !channel.StopRequested;
            channel.Stop();
        };
        while (true)
        {
            var end = RunAttempt(run, channel, takeSamples: !settings.Contains(NoSamples));
            if (end != RunState.Recovering) return end == RunState.Completed ? ExitCodes.Success : ExitCodes.Interrupted;
        }
    }

    /// <summary>
    /// Trains one attempt, unless a stop was asked for before; what the run is then: <see cref="RunState.Recovering"/> when it goes back for a spike of its
    /// loss.
    /// </summary>
    private static RunState RunAttempt(StandaloneRun run, StandaloneChannel channel, bool takeSamples)
    {
        if (run.BeginAttempt() is not { } spec) return run.State.Record!.State;
        try
        {
            using var trainer = new Trainer(spec with { TakeSamples = takeSamples }, run.State.Request!.Config, channel);
            return run.End(trainer.Run());
        }
        catch (UserErrorException e)
        {
            run.End(new RankFailed(e.Message, e.ExitCode));
            throw;
        }
    }

    private static StandaloneRun Open(string folder, List<string> keys) => keys.Count == 0 ? StandaloneRun.Open(folder, TimeProvider.System)
        : throw new ConfigurationException($"{keys[0]}: {folder} is a run, whose configuration stands; settings are for a new one.");

    /// <summary>The checkpoint in a folder; names of runs are the platform's to resolve.</summary>
    private static CheckpointPlace CheckpointIn(string folder)
    {
        var manifest = Path.Combine(folder, CheckpointManifest.FileName);
        if (!File.Exists(manifest))
            throw new ConfigurationException($"init_from: {folder} is not the folder of a checkpoint, which is what --standalone starts from.");
        return new CheckpointPlace(Path.GetFullPath(folder), Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(manifest))));
    }

    private static StandaloneRun Create(string file, List<string> keys)
    {
        var config = ConfigLoader.Load(file, keys.Select(k => (k.Split('=', 2)[0], k.Contains('=') ? k.Split('=', 2)[1] : "", k)), TimeProvider.System,
            tokenizer => TokenizerFolder.Open(tokenizer).Size);
        var request = new RunRequest
        {
            ConfigYaml = config.Values.ToYaml(),
            TokensFolder = config.Paths.Tokens,
            OtherTokensFolders = config.OtherTokensFolders,
            TokenizerFolder = config.Paths.Tokenizer,
            Environment = RankEnvironment.OfThisProcess(),
            InitFrom = config.Run.InitFrom is { } from ? CheckpointIn(from) : null,
        };
        return StandaloneRun.Create(config.Paths.Runs, request, TimeProvider.System);
    }
}
