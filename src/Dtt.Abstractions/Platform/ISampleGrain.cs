using Dtt.Abstractions.Ranks;

namespace Dtt.Abstractions.Platform;

/// <summary>One sampling, from the order to its last character; the key is made up by the client. Nothing of it is durable.</summary>
[Alias("dtt.sample")]
public interface ISampleGrain : IGrainWithGuidKey
{
    /// <summary>Starts a rank with the checkpoint and gives its messages (<see cref="SampledText"/>, at last perhaps <see cref="RankFailed"/>); ending the enumeration ends the rank.</summary>
    /// <exception cref="Errors.UserErrorException">There is no such checkpoint.</exception>
    [Alias("sample")]
    IAsyncEnumerable<RankMessage> SampleAsync(SampleOrder order, CancellationToken cancellation = default);

    /// <summary>Agent → sampling: what the rank said; <paramref name="ended"/>: it is gone. False: nobody listens any more.</summary>
    [Alias("push")]
    Task<bool> PushAsync(RankMessage[] messages, bool ended);
}
