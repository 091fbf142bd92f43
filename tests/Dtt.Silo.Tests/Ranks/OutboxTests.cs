using Dtt.Core.Ranks;
using Dtt.Silo.Ranks;
using Microsoft.Extensions.Time.Testing;

namespace Dtt.Silo.Tests.Ranks;

public sealed class OutboxTests
{
    private static readonly TimeSpan _timeout = TimeSpan.FromSeconds(30);
    private readonly FakeTimeProvider _time = new();
    private readonly List<(long Number, string[] Messages)> _heard = [];
    private readonly List<Exception> _unanswered = [];
    private readonly Outbox _outbox;
    private Queue<Exception> _errors = new();

    public OutboxTests() => _outbox = new Outbox(ReportAsync, _unanswered.Add, _time);

    [Fact]
    public async Task Flush_ManyMessages_GoInOrderInNumberedBatches()
    {
        var messages = Enumerable.Range(0, Outbox.MaxBatch + 3).Select(i => $"{i}").ToArray();
        foreach (var message in messages) Add(message);
        Assert.True(await _outbox.TryFlushAsync());
        Assert.Equal([(1, Outbox.MaxBatch), (2, 3)], _heard.Select(h => (h.Number, h.Messages.Length)));
        Assert.Equal(messages, _heard.SelectMany(h => h.Messages));
        Assert.True(_outbox.IsEmpty);
    }

    [Fact]
    public async Task TryFlush_Unanswered_SaysTheSameAgainUnderItsNumber()
    {
        _errors = new([new TimeoutException()]);
        Add("a");
        Assert.False(await _outbox.TryFlushAsync());
        Add("b");
        Assert.True(await _outbox.TryFlushAsync());
        Assert.Equal([(1, "a"), (1, "a"), (2, "b")], _heard.Select(h => (h.Number, h.Messages.Single())));
    }

    [Fact]
    public async Task Flush_TriesAgainUntilTheRunAnswers_AndTellsOfTheFirstErrorInARow()
    {
        _errors = new([new IOException(), new TimeoutException(), new OrleansException()]);
        Add("a");
        Assert.True(await AdvanceAsync(_outbox.FlushAsync(Timeout.InfiniteTimeSpan, CancellationToken.None)));
        Assert.Equal([1, 1, 1, 1], _heard.Select(h => h.Number));
        Assert.IsType<IOException>(Assert.Single(_unanswered));
        _errors = new([new TimeoutException()]);
        Add("b");
        Assert.False(await _outbox.TryFlushAsync());
        Assert.Equal(2, _unanswered.Count);
    }

    [Fact]
    public async Task Flush_TimedOut_GivesUpAndKeepsWhatWaits()
    {
        _errors = new(Enumerable.Repeat(new IOException(), 1000));
        Add("a");
        var start = _time.GetTimestamp();
        Assert.False(await AdvanceAsync(_outbox.FlushAsync(_timeout, CancellationToken.None)));
        Assert.True(_time.GetElapsedTime(start) >= _timeout);
        Assert.True(_heard.Count > 2);
        _errors = new();
        Assert.False(_outbox.IsEmpty);
        Assert.True(await _outbox.TryFlushAsync());
        Assert.Equal((1, "a"), (_heard[^1].Number, _heard[^1].Messages.Single()));
    }

    [Fact]
    public async Task Call_Cancelled_GivesUp()
    {
        _errors = new(Enumerable.Repeat(new TimeoutException(), 1000));
        using var cancellation = new CancellationTokenSource();
        Add("a");
        var flush = _outbox.FlushAsync(Timeout.InfiniteTimeSpan, cancellation.Token);
        await cancellation.CancelAsync();
        Assert.False(await AdvanceAsync(flush));
        Assert.False(await _outbox.CallAsync(() => ReportAsync(2, []), Timeout.InfiniteTimeSpan, cancellation.Token));
        Assert.DoesNotContain(_heard, h => h.Number == 2);
    }

    [Fact]
    public async Task SinceAcknowledged_IsTheTimeSinceTheLastAnswer()
    {
        _time.Advance(TimeSpan.FromSeconds(3));
        Assert.True(await _outbox.TryFlushAsync()); // says nothing, so nobody answers
        Assert.Equal(TimeSpan.FromSeconds(3), _outbox.SinceAcknowledged);
        _errors = new([new TimeoutException()]);
        Add("a");
        Assert.False(await _outbox.TryFlushAsync());
        Assert.Equal(TimeSpan.FromSeconds(3), _outbox.SinceAcknowledged);
        Assert.True(await _outbox.TryFlushAsync());
        Assert.Equal(TimeSpan.Zero, _outbox.SinceAcknowledged);
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.True(await _outbox.TryAsync(() => Task.CompletedTask));
        Assert.Equal(TimeSpan.Zero, _outbox.SinceAcknowledged);
    }

    [Fact]
    public async Task Flush_AnotherError_IsThrown()
    {
        _errors = new([new InvalidOperationException()]);
        Add("a");
        await Assert.ThrowsAsync<InvalidOperationException>(() => _outbox.FlushAsync(_timeout, CancellationToken.None));
    }

    private void Add(string message) => _outbox.Add(new RankEvent("test", message));

    private Task ReportAsync(long number, RankMessage[] messages)
    {
        _heard.Add((number, [.. messages.Cast<RankEvent>().Select(m => m.Message)]));
        return _errors.TryDequeue(out var error) ? Task.FromException(error) : Task.CompletedTask;
    }

    /// <summary>Lets time pass until a call has ended.</summary>
    private async Task<bool> AdvanceAsync(Task<bool> call)
    {
        for (var i = 0; i < 100_000 && !call.IsCompleted; i++)
        {
            _time.Advance(Outbox.RetryDelay / 10);
            await Task.Yield();
        }

        return await call.WaitAsync(TimeSpan.FromMinutes(1));
    }
}
