using System.Collections.Concurrent;
using Dtt.Abstractions;
using Dtt.Core.Errors;
using Dtt.Core.Platform;
using Dtt.Core.Ranks;

namespace Dtt.Silo.Ranks;

/// <summary>The ranks of this node that do something else than train: each tells its job what it makes until it is done or nobody listens.</summary>
internal sealed class JobHost(PlatformFolders folders, IGrainFactory grains)
{
    private readonly ConcurrentDictionary<Guid, (RankProcess Rank, string What)> _ranks = new();

    /// <summary>What they do, a line each.</summary>
    public IReadOnlyList<string> Work => [.. _ranks.Values.Select(r => $"{r.What}, process {r.Rank.Id}")];

    /// <summary>Starts one.</summary>
    public async Task StartAsync(Guid job, RankMessage work, IReadOnlyDictionary<string, string> environment)
    {
        var name = NameOf(work);
        var rank = await RankProcess.StartAsync(work, Path.Combine(folders.State, "jobs.log"), environment);
        _ranks[job] = (rank, name);
        _ = Task.Run(() => StreamAsync(job, rank));
    }

    /// <summary>Ends one.</summary>
    public void Stop(Guid job)
    {
        if (_ranks.TryRemove(job, out var ended)) ended.Rank.Kill();
    }

    private async Task StreamAsync(Guid job, RankProcess rank)
    {
        var grain = grains.GetGrain<IJobGrain>(job);
        try
        {
            var (ended, heard) = (false, true);
            while (!ended && heard && await rank.Pipe.ReceiveAsync() is { } message)
            {
                ended = message is JobDone or RankFailed;
                heard = await grain.PushAsync([message], ended: false);
            }

            if (ended || !heard) rank.Kill();
            var exit = await rank.WaitAsync();
            var how = $"the rank {exit.Description} before it was done. {string.Join(" | ", rank.LastLines())}".TrimEnd();
            await grain.PushAsync(ended ? [] : [new RankFailed(how, ExitCodes.Failure)], ended: true);
        }
        catch (Exception e) when (e is OrleansException or TimeoutException or IOException)
        {
            // Nobody can be told: the job's own end stops the rank.
        }
        catch (Exception e) when (e is InvalidDataException or System.Text.Json.JsonException)
        {
            var failed = new RankFailed($"the rank said something that is not of its protocol: {e.Message}", ExitCodes.Failure);
            await ((Task)grain.PushAsync([failed], ended: true)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        finally
        {
            _ranks.TryRemove(job, out _);
            rank.Dispose();
        }
    }

    private static string NameOf(RankMessage work) => work switch
    {
        SampleSpec => "sampling",
        EvaluateSpec or WindowLossSpec => "evaluating",
        ExportSpec => "exporting",
        ImportSpec => "importing",
        BenchSpec => "measuring",
        _ => throw new ArgumentException($"a {work.GetType().Name} is not a job.", nameof(work)),
    };
}
