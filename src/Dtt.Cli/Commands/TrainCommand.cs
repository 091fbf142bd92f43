using System.CommandLine;
using System.Security.Cryptography;
using Dtt.Abstractions;
using Dtt.Cli.Output;
using Dtt.Cli.Runs;
using Dtt.Client;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Models;
using Dtt.Core.Platform;
using Dtt.Core.Runs;
using Dtt.Core.Storage;
using Dtt.Data.Text;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt train</c>: a new run.</summary>
internal static class TrainCommand
{
    private const int WholeBacklog = int.MaxValue;

    public static Command Create()
    {
        var command = new Command("train", "Train a model on a tokenized dataset.");
        var options = new ConfigOptions(command, tokenizer: true, training: true);
        var dryRun = new Option<bool>("--dry-run")
        {
            Description = "Check everything and print the configuration, the parameters and the arithmetic; start nothing.",
        };
        var detach = new Option<bool>("--detach") { Description = "Print the run's name and return at once; the run goes on." };
        var priority = NumberOption.Create("Runs with a higher priority start first.", 0, "--priority");
        var once = new Option<string?>("--once")
        {
            Description = "Any word of yours: the same command with the same word makes no second run, but goes on with the one that it made.",
            HelpName = "WORD",
        };
        once.Validators.Add(given =>
        {
            if (string.IsNullOrWhiteSpace(given.GetValueOrDefault<string?>())) given.AddError("--once takes a word, not an empty one.");
        });
        var debug = new Option<bool>("--debug") { Description = "Print a stack trace on every error." };
        foreach (var option in new Option[] { dryRun, detach, priority, once, debug }) command.Add(option);
        command.SetAction(async (result, cancellation) =>
        {
            if (result.GetValue(debug)) ErrorReport.ShowStacks = true;
            var config = options.Load(result);
            if (result.GetValue(dryRun)) return DryRun.Print(config);
            Check(config);
            await using var client = await Platform.ConnectAsync(cancellation);
            var (folder, signal) = await CreateAsync(client, config, result.GetValue(priority), result.GetValue(once));
            if (!result.GetValue(detach)) return await Follower(config, folder).FollowAsync(client, WholeBacklog, signal);
            Console.Out.WriteLine(Path.GetFileName(folder));
            return signal;
        });
        return command;
    }

    /// <summary>Checks the data, creates the run and follows it to its end.</summary>
    public static async Task<(string Folder, int ExitCode, IReadOnlyDictionary<long, string> Samples)> RunAsync(PlatformClient client, LoadedConfig config)
    {
        Check(config);
        var (folder, signal) = await CreateAsync(client, config, priority: 0, once: null);
        var follower = Follower(config, folder);
        return (folder, await follower.FollowAsync(client, WholeBacklog, signal), follower.Samples);
    }

    /// <summary>
    /// A run is only created when its data fit, and its checkpoints on the disk. Its ranks, which know their device, check the memory; so does this for a run
    /// on the CPU, whose memory is this machine's.
    /// </summary>
    private static void Check(LoadedConfig config)
    {
        using var data = ConfiguredData.Open(config);
        if (config.Run.Choices is { } choices) _ = ChoiceFile.Read(choices, config.Run.MaxChoices, data.Vocabulary);
        var needs = new RunNeeds(config.Run);
        needs.RequireDisk(data.Plan.TotalSteps, FileSystem.FreeBytes(config.Paths.Runs), config.Paths.Runs);
        if (config.Run.Cuda) return;
        var bytes = needs.HostBytes(bf16: config.Run.Precision == "bf16", config.Run.RanksPerNode);
        needs.RequireMemory(bytes, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, "this machine");
    }

    private static RunFollower Follower(LoadedConfig config, string folder) =>
        new(folder, config.Values.IsSet("cuda") && config.Run.Cuda ? config.Values.Origin("cuda") : null);

    /// <summary>The checkpoint that <c>init_from</c> names: one of a run is pinned, so that it stays.</summary>
    private static async Task<CheckpointPlace> StartAsync(PlatformClient client, string from, string origin)
    {
        var manifest = Path.Combine(from, "manifest.json");
        if (File.Exists(manifest))
            return new CheckpointPlace(Path.GetFullPath(from), Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(manifest))));
        BadDataException NoCheckpoint() => new(
            $"{origin}: 'init_from' names {from}, which has no manifest.json: it is not a checkpoint. "
            + $"Import a Hugging Face model with `dtt import {from}` first.");
        if (from.Contains('/') && Directory.Exists(from)) throw NoCheckpoint();
        var (grain, view, checkpoint) = await FindAsync();
        await grain.PinAsync(checkpoint.Step, pinned: true);
        return new CheckpointPlace(new RunLayout(view.Row.Folder).Checkpoint(checkpoint.FolderName), checkpoint.ManifestSha256);

        async Task<(IRunGrain Grain, RunView View, CommittedCheckpoint Checkpoint)> FindAsync()
        {
            try
            {
                return await RunLookup.FindCheckpointAsync(client, from);
            }
            catch (UserErrorException e) when (e is not BadDataException && Directory.Exists(from))
            {
                throw NoCheckpoint();
            }
            catch (UserErrorException e)
            {
                throw new UserErrorException($"{origin}: 'init_from': {e.Message}", e.ExitCode, e);
            }
        }
    }

    /// <summary>
    /// Creates the run; a taken name is numbered: <c>name-2</c>, <c>name-3</c> … A signal that comes meanwhile waits, so that no run is left that nobody
    /// knows of; a second one does not.
    /// </summary>
    /// <returns>Its folder, and the signal as an exit code (0: none).</returns>
    private static async Task<(string Folder, int Signal)> CreateAsync(PlatformClient client, LoadedConfig config, int priority, string? once)
    {
        var signal = 0;
        using var signals = new Signals(code =>
        {
            if (Interlocked.Exchange(ref signal, code) != 0) Environment.Exit(code);
        });
        var request = new RunRequest
        {
            ConfigYaml = config.Values.ToYaml(),
            TokensFolder = config.Paths.Tokens,
            OtherTokensFolders = config.OtherTokensFolders,
            TokenizerFolder = config.Paths.Tokenizer,
            Environment = RankEnvironment.OfThisProcess(),
            Priority = priority,
            Id = once ?? Guid.NewGuid().ToString("N"),
            InitFrom = config.Run.InitFrom is { } from ? await StartAsync(client, UserPath.Expand(from), config.Values.Origin("init_from")) : null,
        };
        if (once is not null && await FindAsync(client, config, once) is { } made) return (made, signal);
        for (var number = 1; ; number++)
        {
            var run = number == 1 ? config.Run.Name : $"{config.Run.Name}-{number}";
            var folder = Path.Combine(config.Paths.Runs, run);
            if (!(await client.Grains.Run(folder).CreateAsync(request)).Created) continue;
            if (number > 1) Console.Error.WriteLine($"there is already a run '{config.Run.Name}'; this one is '{run}'.");
            return (folder, signal);
        }
    }

    /// <summary>The run that a request of this id made, by any of the names that it could give: of those before it, some may be deleted by now.</summary>
    private static async Task<string?> FindAsync(PlatformClient client, LoadedConfig config, string id)
    {
        if (!Directory.Exists(config.Paths.Runs)) return null;
        var numbered = $"{config.Run.Name}-";
        foreach (var folder in Directory.EnumerateDirectories(config.Paths.Runs))
        {
            if (IsItsName(Path.GetFileName(folder)) && (await client.Grains.Run(folder).FindAsync())?.Request.Id == id) return folder;
        }

        return null;

        bool IsItsName(string name) => name == config.Run.Name
            || (name.StartsWith(numbered, StringComparison.Ordinal) && int.TryParse(name.AsSpan(numbered.Length), out _));
    }
}
