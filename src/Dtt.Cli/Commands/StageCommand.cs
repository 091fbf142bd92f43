using System.CommandLine;
using Dtt.Abstractions;
using Dtt.Cli.Output;
using Dtt.Cli.Runs;
using Dtt.Client;
using Dtt.Core.Configuration;
using Dtt.Core.Errors;
using Dtt.Core.Platform;
using Dtt.Data.Hub;
using Dtt.Data.Order;
using Dtt.Data.Reports;
using Dtt.Data.Text;
using Dtt.Data.Tokenizers;
using Dtt.Data.Tokens;

namespace Dtt.Cli.Commands;

/// <summary><c>dtt download</c> and <c>dtt tokenize</c>: bring a dataset one stage further. The platform does the work; the command shows it.</summary>
internal static class StageCommand
{
    private const int Reconnections = 5;

    public static Command Download() =>
        Create("download", "Get a dataset's raw text: generate it, or find your files, and write a manifest.", rawOnly: true);

    public static Command Tokenize() =>
        Create("tokenize", "Train a tokenizer on a dataset and encode the dataset with it.", rawOnly: false);

    private static Command Create(string name, string description, bool rawOnly)
    {
        var command = new Command(name, description);
        var options = new ConfigOptions(command, tokenizer: !rawOnly, training: false);
        var dryRun = new Option<bool>("--dry-run") { Description = "Check the configuration; start nothing." };
        command.Add(dryRun);
        var hub = rawOnly ? new HubSource(command) : null;
        command.SetAction(async (result, cancellation) =>
        {
            var named = hub?.NameOf(result);
            var config = options.Load(result, dataset: named);
            if (named is not null && result.GetValue(dryRun))
            {
                Console.Out.Write(hub!.FileOf(result));
                return ExitCodes.Success;
            }

            var isNew = named is not null && hub!.Write(result, config);
            try
            {
                var datasets = Datasets(config);
                if (result.GetValue(dryRun)) return ExitCodes.Success;
                await using var client = await Platform.ConnectAsync(cancellation);
                return await RunAsync(client, datasets, rawOnly);
            }
            catch (UserErrorException e) when (isNew && e.ExitCode != ExitCodes.Requeue)
            {
                HubSource.TakeBack(config);
                throw;
            }
        });
        return command;
    }

    /// <summary>The run's datasets with their own configurations.</summary>
    /// <exception cref="ConfigurationException">One is unknown, or its file is wrong.</exception>
    public static IReadOnlyList<(LoadedConfig Config, DatasetConfig Dataset)> Datasets(LoadedConfig config) =>
        [.. config.EachDataset.Select(c => (c, DatasetLoader.Load(c, TextStream.Open, Console.Error.WriteLine)))];

    /// <summary>Has the platform do the stage of one dataset after the other, for the first one makes the tokenizer, and shows it to its end.</summary>
    /// <exception cref="UserErrorException">It failed.</exception>
    public static async Task<int> RunAsync(PlatformClient client, IReadOnlyList<(LoadedConfig Config, DatasetConfig Dataset)> datasets, bool rawOnly)
    {
        foreach (var (config, dataset) in datasets)
        {
            if (await RunAsync(client, config, dataset, rawOnly) is var code && code != ExitCodes.Success) return code;
        }

        return ExitCodes.Success;
    }

    private static async Task<int> RunAsync(PlatformClient client, LoadedConfig config, DatasetConfig dataset, bool rawOnly)
    {
        var job = new DatasetJob
        {
            Dataset = config.Run.Dataset,
            RawOnly = rawOnly,
            Config = dataset,
            RawFolder = config.Paths.Raw,
            TokenizerFolder = config.Paths.Tokenizer,
            TokensFolder = config.Paths.Tokens,
            VocabSize = config.Run.Model.VocabSize,
            Tokenizer = config.Run.Tokenizer,
            PreTokenizer = config.Run.PreTokenizer,
            SpecialTokens = config.Run.SpecialTokens is { Count: > 0 } special ? string.Join('\n', special) : null,
            ValFraction = config.Run.ValFraction,
        };
        if (rawOnly && dataset.HubPath is not null) new HubAccessFile(PlatformFolders.FromEnvironment(), job.RawFolder).Save(HubAccess.FromEnvironment());
        var signal = 0;
        using var leaving = new CancellationTokenSource();
        using var signals = new Signals(code =>
        {
            signal = code;
            leaving.Cancel();
        });
        var display = new StageDisplay();
        var (own, isLost) = ((PlatformClient?)null, false);
        try
        {
            for (var (tries, shown) = (0, 0); ; (tries, shown) = (display.Shown == shown ? tries + 1 : 0, display.Shown))
            {
                var grain = (IDatasetGrain?)null;
                try
                {
                    if (isLost) own = await client.ReconnectAsync(Console.Error.WriteLine, leaving.Token);
                    grain = (own ?? client).Grains.Dataset(job.Folder);
                    using var ended = CancellationTokenSource.CreateLinkedTokenSource((own ?? client).Lost, leaving.Token);
                    await grain.BeginAsync(job).WaitAsync(ended.Token);
                    var last = await display.ShowAsync(grain.WatchAsync(), ended.Token);
                    if (last.Stage == DatasetStage.Failed) throw new UserErrorException(last.Notes[^1], last.FailureCode);
                    if (!rawOnly && TokenReport.Find(config.Paths.Tokens) is { } report)
                        Console.Error.WriteLine(ReportOutput.Of(config.Run.Dataset, TokenIndex.FindRequired(config.Paths.Tokens), report).Line);
                    if (!rawOnly) Console.Error.WriteLine(Windows(config));
                    return signal == 0 ? ExitCodes.Success : signal;
                }
                catch (OperationCanceledException) when (signal == Signals.HangUp)
                {
                    return signal;
                }
                catch (OperationCanceledException) when (signal != 0 && grain is null)
                {
                    Console.Error.WriteLine("left; no node of the cluster answers, and the first one goes on with the work. The same command shows it.");
                    return signal;
                }
                catch (OperationCanceledException) when (signal != 0)
                {
                    await grain!.PauseAsync();
                    Console.Error.WriteLine("stopped; finished work is kept, and the same command continues from there.");
                    return signal;
                }
                catch (Exception e) when (client.IsCluster && tries < Reconnections && e is OperationCanceledException or OrleansException or TimeoutException)
                {
                    Console.Error.WriteLine("a node of the cluster is gone; going on …");
                    if (own is not null) await own.DisposeAsync();
                    (own, isLost) = (null, true);
                }
                catch (OperationCanceledException)
                {
                    throw new UserErrorException("the silo is gone; finished work is kept, and the same command continues from there.", ExitCodes.Requeue);
                }
            }
        }
        finally
        {
            if (own is not null) await own.DisposeAsync();
        }
    }

    /// <summary>What a run of this configuration would see of the tokens.</summary>
    private static string Windows(LoadedConfig config)
    {
        var index = TokenIndex.FindRequired(config.Paths.Tokens);
        using var shards = TokenShards.Open(config.Paths.Tokens, index, "train");
        var train = WindowIndex.Of(config.Run, shards, TokenizerFolder.Load(config.Paths.Tokenizer).EndOfText);
        var val = new WindowIndex([.. index.Shards.Where(s => s.Split == "val").Select(s => s.Tokens)], config.Run.Model.ContextLength, overlap: 0);
        return $"windows: {train.Count:N0} of n_ctx {train.ContextLength:N0}; tokens in no window: {train.UnreachedInWords}"
            + $"{Environment.NewLine}validation windows: {val.Count:N0}; tokens in no window: {val.UnreachedInWords}"
            + (index.WhyNoValidation(val.ContextLength) is { } why ? $"{Environment.NewLine}note: {why}" : "");
    }
}
