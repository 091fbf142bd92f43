using Dtt.Core.Ranks;
using Polly;
using Polly.Retry;

namespace Dtt.Silo.Ranks;

/// <summary>
/// What an attempt has to tell its run. Messages wait in order and go out in numbered batches; a batch keeps its number until the run answers it, so the run
/// knows one that it got twice. Every answer acknowledges the attempt; a transient error (no answer, no connection, a database that takes nothing) does not,
/// and is tried again. For one caller at a time.
/// </summary>
/// <param name="report">Delivers a batch under its number.</param>
/// <param name="onUnanswered">Hears the first of several errors in a row.</param>
/// <param name="time">The clock.</param>
internal sealed class Outbox(Func<long, RankMessage[], Task> report, Action<Exception> onUnanswered, TimeProvider time)
{
    /// <summary>Most messages in a batch.</summary>
    public const int MaxBatch = 256;

    /// <summary>Time between two tries.</summary>
    public static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(500);

    private readonly ResiliencePipeline<bool> _untilAnswered = new ResiliencePipelineBuilder<bool> { TimeProvider = time }
        .AddRetry(new RetryStrategyOptions<bool>
        {
            ShouldHandle = tried => ValueTask.FromResult(tried.Outcome is { Exception: null, Result: false }),
            Delay = RetryDelay,
            MaxRetryAttempts = int.MaxValue,
        }).Build();

    private readonly Queue<RankMessage> _waiting = new();
    private RankMessage[] _batch = [];
    private long _number;
    private long _acknowledged = time.GetTimestamp();
    private bool _unanswered;

    /// <summary>Whether everything was said and answered.</summary>
    public bool IsEmpty => _batch.Length == 0 && _waiting.Count == 0;

    /// <summary>Time since the run last answered.</summary>
    public TimeSpan SinceAcknowledged => time.GetElapsedTime(_acknowledged);

    /// <summary>Lets a message wait for the next delivery.</summary>
    public void Add(RankMessage message) => _waiting.Enqueue(message);

    /// <summary>Delivers what waits, with one try; false: the run did not answer, and it waits on.</summary>
    public Task<bool> TryFlushAsync() => IsEmpty ? Task.FromResult(true) : TryAsync(DeliverAsync);

    /// <summary>Delivers what waits; false when the timeout or the cancellation came before.</summary>
    public Task<bool> FlushAsync(TimeSpan timeout, CancellationToken cancellation) =>
        IsEmpty ? Task.FromResult(true) : CallAsync(DeliverAsync, timeout, cancellation);

    /// <summary>Calls the run once; false: it did not answer.</summary>
    public async Task<bool> TryAsync(Func<Task> call)
    {
        try
        {
            await call();
            Acknowledge();
            return true;
        }
        catch (Exception e) when (e is IOException or TimeoutException or OrleansException or OperationCanceledException)
        {
            if (!_unanswered) onUnanswered(e);
            _unanswered = true;
            return false;
        }
    }

    /// <summary>Calls the run until it answers; false when the timeout or the cancellation came before.</summary>
    public async Task<bool> CallAsync(Func<Task> call, TimeSpan timeout, CancellationToken cancellation)
    {
        using var timedOut = new CancellationTokenSource(timeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timedOut.Token, cancellation);
        try
        {
            return await _untilAnswered.ExecuteAsync(async _ => await TryAsync(call), either.Token);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private async Task DeliverAsync()
    {
        while (!IsEmpty)
        {
            if (_batch.Length == 0)
            {
                _batch = new RankMessage[Math.Min(MaxBatch, _waiting.Count)];
                for (var i = 0; i < _batch.Length; i++) _batch[i] = _waiting.Dequeue();
                _number++;
            }

            await report(_number, _batch);
            Acknowledge();
            _batch = [];
        }
    }

    private void Acknowledge()
    {
        _acknowledged = time.GetTimestamp();
        _unanswered = false;
    }
}
