using System.Collections.Concurrent;
using Dtt.Abstractions;
using Dtt.Core.Diagnostics;
using Dtt.Core.Errors;
using Dtt.Core.Runs;
using Dtt.Data.Tokenizers;
using Microsoft.Extensions.Logging;

namespace Dtt.Silo.Datasets;

/// <summary>
/// Does the work of datasets on this node's cores: leases items in batches, works on as many as there are cores while earlier results are being stored, and
/// hands in what is done with the next request.
/// </summary>
internal sealed partial class ShardWorker(IGrainFactory grains, TimeProvider time, ILogger<ShardWorker> log)
{
    private const int MostDownloads = 8; // of a node at once
    private static readonly TimeSpan _renewPeriod = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan _retryPeriod = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan _longestRestart = TimeSpan.FromMinutes(1);
    private static readonly int _atWork = 2 * Environment.ProcessorCount; // half of them wait for the disk that stores their results
    private static readonly SemaphoreSlim _cores = new(Environment.ProcessorCount);
    private static readonly SemaphoreSlim _downloads = new(MostDownloads);
    private readonly ConcurrentDictionary<string, int> _open = new(); // calls to work so far: one that comes while a job ends is not lost
    private TaskCompletionSource _called = new(); // ends the rest of those that have nothing to do

    /// <summary>What is worked on, a line each.</summary>
    public IReadOnlyList<string> Work => [.. _open.Keys.Select(d => $"dataset {d}")];

    /// <summary>Starts to work on a dataset; if that has started already, it looks at once whether there is more.</summary>
    public void Start(string dataset, NodeRef here)
    {
        Interlocked.Exchange(ref _called, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
        if (_open.AddOrUpdate(dataset, 1, (_, calls) => calls + 1) == 1) _ = Task.Run(() => WorkAsync(dataset, here));
    }

    private async Task WorkAsync(string dataset, NodeRef here)
    {
        var grain = grains.Dataset(dataset);
        var running = new Dictionary<WorkItem, Task<WorkDone?>>();
        var waiting = new Queue<WorkItem>();
        var done = new List<WorkDone>();
        var encoders = new ConcurrentBag<BpeEncoder>(); // their word caches make them fast: they go from piece to piece
        DatasetWork? work = null;
        var begun = -1L;
        var underway = new WorkUnderway();
        try
        {
            while (true)
            {
                // One batch ahead, so that no core waits for an answer.
                var free = Math.Max(0, 2 * _atWork - running.Count - waiting.Count);
                var (calls, called) = (_open[dataset], Volatile.Read(ref _called).Task);
                WorkOffer offer;
                try
                {
                    offer = await grain.ExchangeAsync(here, [.. done], [.. running.Keys, .. waiting], underway.Sum, free);
                }
                catch (Exception e) when (e is OrleansException or TimeoutException or IOException)
                {
                    LogNotAnswered(dataset, e);
                    await Task.Delay(_retryPeriod);
                    continue;
                }

                done.Clear();
                foreach (var item in offer.Items) waiting.Enqueue(item);
                if (!offer.More)
                {
                    waiting.Clear();
                    underway.Stop();
                    if (running.Count == 0 && _open.TryRemove(KeyValuePair.Create(dataset, calls))) return;
                }

                if (offer.Items is [var first, ..] && first.Begun != begun)
                {
                    // A beginning of its own: manifest, vocabulary and pieces are read anew.
                    (begun, work, encoders) = (first.Begun, new DatasetWork(offer.Job!, here.Node), []);
                    underway.Stop();
                    waiting = new Queue<WorkItem>(offer.Items);
                }

                while (waiting.Count > 0 && running.Count < _atWork)
                {
                    var item = waiting.Dequeue();
                    var (its, theirs, task) = (work!, encoders, underway.Begin(item));
                    running[item] = Task.Run(() => DoAsync(dataset, its, theirs, task));
                }

                await Task.WhenAny(running.Values.Cast<Task>().Append(Task.Delay(_renewPeriod)).Append(called));
                foreach (var (item, task) in running.Where(r => r.Value.IsCompleted).ToList())
                {
                    running.Remove(item);
                    underway.End(item);
                    if (await task is { } ended) done.Add(ended);
                }
            }
        }
        catch (Exception e)
        {
            LogBroken(dataset, e);
            _open.TryRemove(dataset, out _);
        }
    }

    /// <summary>Does an item; null when it was stopped.</summary>
    private async Task<WorkDone?> DoAsync(string dataset, DatasetWork work, ConcurrentBag<BpeEncoder> encoders, WorkUnderway.Part part)
    {
        var item = part.Item;
        try
        {
            if (item.Stage == DatasetStage.Listing) return await work.ListAsync(item, part.Say, part.Stopping);
            if (item.Piece < 0) return work.Do(item);
            var download = item.Stage == DatasetStage.Downloading;
            var result = download ? await DownloadAsync(work, part) : await DoPieceAsync(work, encoders, item);
            CrashPoint.Reach("silo.piece");
            await RecordAsync(dataset, item, result);
            return new WorkDone(item, Tokens: result.Tokens, Bytes: download ? result.Bytes : 0);
        }
        catch (OperationCanceledException) when (part.Stopping.IsCancellationRequested)
        {
            return null;
        }
        catch (UserErrorException e)
        {
            return new WorkDone(item, Error: e.Message, ErrorCode: e.ExitCode);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return new WorkDone(item, Error: $"{e.Message.TrimEnd('.')}: it was removed while it was worked on.", ErrorCode: ExitCodes.BadData);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Failed(item,
                $"{e.Message.TrimEnd('.')}. What was finished is kept; free some space or fix the permissions, and run the same command again.");
        }
        catch (Exception e)
        {
            return Failed(item, $"this is a bug in DTT; please report it with what follows.{Environment.NewLine}{e}");
        }
    }

    private static async Task<PieceResult> DownloadAsync(DatasetWork work, WorkUnderway.Part part)
    {
        await _downloads.WaitAsync(part.Stopping);
        try
        {
            return await work.DownloadAsync(part.Item, part.Report, part.Say, part.Stopping);
        }
        finally
        {
            _downloads.Release();
        }
    }

    private static async Task<PieceResult> DoPieceAsync(DatasetWork work, ConcurrentBag<BpeEncoder> encoders, WorkItem item)
    {
        await _cores.WaitAsync();
        try
        {
            var encoder = encoders.TryTake(out var free) ? free : work.EncoderFor(item.Stage);
            var result = work.DoPiece(item, encoder);
            if (encoder is not null) encoders.Add(encoder);
            return result;
        }
        finally
        {
            _cores.Release();
        }
    }

    /// <summary>Has a piece's result recorded, however often the silo of its record dies meanwhile; a database may be away for a minute.</summary>
    private async Task RecordAsync(string dataset, WorkItem item, PieceResult result)
    {
        for (var begun = time.GetTimestamp(); ;)
        {
            try
            {
                await grains.Shard(dataset, item.Piece).FinishAsync(item.Stage, result);
                return;
            }
            catch (Exception e) when (StorageUnavailableException.In(e) is { } away && time.GetElapsedTime(begun) >= _longestRestart)
            {
                throw new IOException(away.Message, e);
            }
            catch (Exception e) when (e is OrleansException or TimeoutException || (e is IOException && time.GetElapsedTime(begun) < _longestRestart))
            {
                LogNotAnswered(dataset, e);
                await Task.Delay(_retryPeriod, time);
            }
        }
    }

    private static WorkDone Failed(WorkItem item, string error) => new(item, Error: error, ErrorCode: ExitCodes.Failure);

    [LoggerMessage(3022, LogLevel.Error, "dataset {Dataset}: the work on it ended in an error, which is a bug in DTT; the next command goes on with it")]
    private partial void LogBroken(string dataset, Exception exception);

    [LoggerMessage(3021, LogLevel.Warning, "dataset {Dataset}: no answer; trying again")]
    private partial void LogNotAnswered(string dataset, Exception exception);
}
