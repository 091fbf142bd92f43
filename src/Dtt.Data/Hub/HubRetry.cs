using System.Globalization;
using System.Net.Http.Headers;
using Polly;
using Polly.Retry;

namespace Dtt.Data.Hub;

/// <summary>How often, and after what time, a request to the Hub is made again.</summary>
/// <param name="Tries">Requests in all.</param>
/// <param name="FirstDelay">Time before the second; it doubles with each, with jitter, unless the Hub says how long.</param>
/// <param name="LongestDelay">The longest time between two.</param>
/// <param name="Stall">How long an answer, or the next bytes of one, may take.</param>
public sealed record HubRetry(int Tries, TimeSpan FirstDelay, TimeSpan LongestDelay, TimeSpan Stall)
{
    /// <summary>What downloads use: about ten minutes in all.</summary>
    public static HubRetry Default { get; } = new(10, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(5), TimeSpan.FromSeconds(60));

    /// <summary>Makes it a pipeline.</summary>
    /// <param name="say">Told before each wait.</param>
    /// <param name="time">The clock.</param>
    internal ResiliencePipeline Build(Action<string> say, TimeProvider time) => new ResiliencePipelineBuilder { TimeProvider = time }
        .AddRetry(new RetryStrategyOptions
        {
            ShouldHandle = new PredicateBuilder().Handle<HubException>(),
            MaxRetryAttempts = Tries - 1,
            Delay = FirstDelay,
            MaxDelay = LongestDelay,
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            DelayGenerator = a => ValueTask.FromResult(a.Outcome.Exception is HubException { Wait: { } wait } ? Capped(wait) : (TimeSpan?)null),
            OnRetry = a =>
            {
                say(string.Create(CultureInfo.InvariantCulture, $"{a.Outcome.Exception!.Message}; trying again in {a.RetryDelay.TotalSeconds:0.#} s"));
                return ValueTask.CompletedTask;
            },
        })
        .Build();

    /// <summary>How long an answer asks to wait: <c>Retry-After</c>, or the reset of a spent <c>RateLimit</c>; null when it does not say.</summary>
    /// <param name="headers">The answer's headers.</param>
    /// <param name="now">The time.</param>
    internal static TimeSpan? WaitOf(HttpResponseHeaders headers, DateTimeOffset now)
    {
        if (headers.RetryAfter is { Delta: { } delta }) return delta;
        if (headers.RetryAfter is { Date: { } date }) return date > now ? date - now : TimeSpan.Zero;
        if (!headers.TryGetValues("RateLimit", out var limits)) return null;
        var waits = limits.SelectMany(l => l.Split(',')).Select(ResetOf).OfType<TimeSpan>().ToList();
        return waits.Count == 0 ? null : waits.Max();
    }

    /// <summary>Of <c>"api";r=0;t=55</c>: 55 s.</summary>
    private static TimeSpan? ResetOf(string limit)
    {
        var values = limit.Split(';').Select(p => p.Trim().Split('=', 2)).Where(p => p.Length == 2).ToLookup(p => p[0], p => p[1]);
        long? Of(string key) => long.TryParse(values[key].FirstOrDefault(), NumberStyles.None, CultureInfo.InvariantCulture, out var n) ? n : null;
        return Of("r") is 0 && Of("t") is { } seconds and < 1_000_000 ? TimeSpan.FromSeconds(seconds) : null;
    }

    private TimeSpan Capped(TimeSpan wait)
    {
        var most = wait < LongestDelay ? wait : LongestDelay;
        return most + TimeSpan.FromMilliseconds(Random.Shared.Next(0, 500)); // many nodes were told the same
    }
}
