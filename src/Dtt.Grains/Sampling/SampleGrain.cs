using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Dtt.Abstractions;
using Dtt.Core.Ranks;
using Dtt.Grains.Agents;

namespace Dtt.Grains.Sampling;

/// <summary>One sampling: leases the checkpoint, has an agent start a rank, passes its text on. It lives as long as somebody listens.</summary>
[GrainType("sample")]
[CollectionAgeLimit(Minutes = 2)] // not at once: a client that has the last text still asks whether there is more
internal sealed class SampleGrain(INodeAgents agents) : Grain, ISampleGrain
{
    private Channel<RankMessage>? _messages;

    public async IAsyncEnumerable<RankMessage> SampleAsync(SampleRequest order, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        var (id, node, run) = (this.GetPrimaryKey(), agents.Here, GrainFactory.GetGrain<IRunGrain>(order.Run));
        var messages = _messages = Channel.CreateUnbounded<RankMessage>();
        var spec = await run.LeaseAsync(order, id);
        try
        {
            await agents.At(node).StartSampleAsync(id, spec, new Dictionary<string, string>(order.Environment));
            await foreach (var message in messages.Reader.ReadAllAsync(cancellation)) yield return message;
        }
        finally
        {
            _messages = null;
            await agents.At(node).StopSampleAsync(id);
            await run.ReturnAsync(id);
        }
    }

    public Task<bool> PushAsync(RankMessage[] messages, bool ended)
    {
        if (_messages is not { } open) return Task.FromResult(false);
        foreach (var message in messages) _ = open.Writer.TryWrite(message);
        if (ended) open.Writer.Complete();
        return Task.FromResult(true);
    }
}
