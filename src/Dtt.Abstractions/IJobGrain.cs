using Dtt.Core.Ranks;

namespace Dtt.Abstractions;

/// <summary>
/// One job that a rank does beside training, from the request to its last message; the key is made up by the client. Nothing of it is durable.
/// </summary>
[Alias("dtt.job")]
public interface IJobGrain : IGrainWithGuidKey
{
    /// <summary>
    /// Starts a rank with the work and streams its messages, the last of them <see cref="JobDone"/> or <see cref="RankFailed"/>. Ending the enumeration ends
    /// the rank. A checkpoint is leased for as long.
    /// </summary>
    /// <exception cref="Core.Errors.BadDataException">There is no such checkpoint.</exception>
    [Alias("run")]
    IAsyncEnumerable<RankMessage> RunAsync(JobRequest request, CancellationToken cancellation = default);

    /// <summary>Agent → job: what the rank said; <paramref name="ended"/>: it is gone. False: nobody listens any more.</summary>
    [Alias("push")]
    Task<bool> PushAsync(RankMessage[] messages, bool ended);
}

/// <summary>Work for a rank.</summary>
public sealed record JobRequest
{
    /// <summary>
    /// A spec that starts a rank: <see cref="SampleSpec"/>, <see cref="EvaluateSpec"/>, <see cref="WindowLossSpec"/>, <see cref="ExportSpec"/>,
    /// <see cref="ImportSpec"/>, <see cref="BenchSpec"/>.
    /// </summary>
    public required RankMessage Work { get; init; }

    /// <summary>The run whose checkpoint a <see cref="CheckpointSpec"/> works on: its folder.</summary>
    public string? Run { get; init; }

    /// <summary>The committed step.</summary>
    public long Step { get; init; }

    /// <summary>Environment of the rank.</summary>
    public required IReadOnlyDictionary<string, string> Environment { get; init; }
}
