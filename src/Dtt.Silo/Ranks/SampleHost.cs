using System.Collections.Concurrent;
using Dtt.Abstractions;
using Dtt.Core.Errors;
using Dtt.Core.Platform;
using Dtt.Core.Ranks;

namespace Dtt.Silo.Ranks;

/// <summary>The sampling ranks of this node: each streams its text to its sampling until it is done or nobody listens.</summary>
internal sealed class SampleHost(PlatformFolders folders, IGrainFactory grains)
{
    private readonly ConcurrentDictionary<Guid, RankProcess> _ranks = new();

    /// <summary>How many there are.</summary>
    public int Count => _ranks.Count;

    /// <summary>Starts one.</summary>
    public async Task StartAsync(Guid sampling, SampleSpec spec, IReadOnlyDictionary<string, string> environment)
    {
        var rank = await RankProcess.StartAsync(spec, Path.Combine(folders.State, "sample.log"), environment);
        _ranks[sampling] = rank;
        _ = Task.Run(() => StreamAsync(sampling, rank, spec.Count));
    }

    /// <summary>Ends one.</summary>
    public void Stop(Guid sampling)
    {
        if (_ranks.TryRemove(sampling, out var rank)) rank.Kill();
    }

    private async Task StreamAsync(Guid sampling, RankProcess rank, int count)
    {
        var grain = grains.GetGrain<ISampleGrain>(sampling);
        try
        {
            var done = 0;
            var failed = false;
            while (await rank.Pipe.ReceiveAsync() is { } message)
            {
                if (message is not (SampledText or RankFailed)) continue;
                done += message is SampledText { Done: true } ? 1 : 0;
                failed |= message is RankFailed;
                if (!await grain.PushAsync([message], ended: false)) break;
            }

            rank.Kill();
            var exit = await rank.WaitAsync();
            RankMessage[] last = done < count && !failed ? [new RankFailed($"the rank {exit} before it was done. {string.Join(" | ", rank.LastLines())}".TrimEnd(), ExitCodes.Failure)] : [];
            await grain.PushAsync(last, ended: true);
        }
        catch (Exception e) when (e is OrleansException or TimeoutException or IOException)
        {
            // Nobody can be told: the sampling's own end stops the rank.
        }
        finally
        {
            _ranks.TryRemove(sampling, out _);
            rank.Dispose();
        }
    }
}
