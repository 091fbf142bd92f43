using Dtt.Core.Ranks;

namespace Dtt.Abstractions;

/// <summary>One sampling, from the order to its last character; the key is made up by the client. Nothing of it is durable.</summary>
[Alias("dtt.sample")]
public interface ISampleGrain : IGrainWithGuidKey
{
    /// <summary>Starts a rank with the checkpoint and gives its messages (<see cref="SampledText"/>, at last perhaps <see cref="RankFailed"/>); ending the enumeration ends the rank.</summary>
    /// <exception cref="Core.Errors.UserErrorException">There is no such checkpoint.</exception>
    [Alias("sample")]
    IAsyncEnumerable<RankMessage> SampleAsync(SampleRequest order, CancellationToken cancellation = default);

    /// <summary>Agent → sampling: what the rank said; <paramref name="ended"/>: it is gone. False: nobody listens any more.</summary>
    [Alias("push")]
    Task<bool> PushAsync(RankMessage[] messages, bool ended);
}

/// <summary>A wish for text from a run's checkpoint.</summary>
public sealed record SampleRequest
{
    /// <summary>The run's folder.</summary>
    public required string Run { get; init; }

    /// <summary>The committed step whose weights are used.</summary>
    public required long Step { get; init; }

    /// <summary>The text to continue.</summary>
    public required string Prompt { get; init; }

    /// <summary>Most tokens to add to each.</summary>
    public required int MaxTokens { get; init; }

    /// <summary>How many continuations.</summary>
    public required int Count { get; init; }

    /// <summary>0: always the likeliest token.</summary>
    public required double Temperature { get; init; }

    /// <summary>Only the k likeliest; 0: all.</summary>
    public required int TopK { get; init; }

    /// <summary>Only the likeliest that make up this probability; 1: all.</summary>
    public required double TopP { get; init; }

    /// <summary>The same seed gives the same text.</summary>
    public required long Seed { get; init; }

    /// <summary>Environment of the rank.</summary>
    public required IReadOnlyDictionary<string, string> Environment { get; init; }
}
