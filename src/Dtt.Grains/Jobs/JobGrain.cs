using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Dtt.Abstractions;
using Dtt.Core.Ranks;
using Dtt.Grains.Agents;

namespace Dtt.Grains.Jobs;

/// <summary>One job: leases its checkpoint, has an agent start a rank, passes on what it says. It lives as long as somebody listens.</summary>
[GrainType("job")]
[CollectionAgeLimit(Minutes = 2)] // not at once: a client that has the last message still asks whether there is more
internal sealed class JobGrain(INodeAgents agents) : Grain, IJobGrain
{
    private Channel<RankMessage>? _messages;

    public async IAsyncEnumerable<RankMessage> RunAsync(JobRequest request, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        var (id, node) = (this.GetPrimaryKey(), agents.Here);
        var run = request.Run is { } folder ? GrainFactory.Run(folder) : null;
        var messages = _messages = Channel.CreateUnbounded<RankMessage>();
        var work = request.Work;
        try
        {
            if (work is CheckpointSpec spec && run is not null) work = spec with { Source = await run.LeaseAsync(request.Step, id) };
            await agents.At(node).StartJobAsync(id, work, new Dictionary<string, string>(request.Environment));
            await foreach (var message in messages.Reader.ReadAllAsync(cancellation)) yield return message;
        }
        finally
        {
            _messages = null;
            await agents.At(node).StopJobAsync(id);
            if (run is not null) await run.ReturnAsync(id);
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
