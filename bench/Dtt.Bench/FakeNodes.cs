using System.Reflection;
using Dtt.Abstractions;
using Dtt.Core.Runs;
using Dtt.Grains.Agents;
using Dtt.Grains.Devices;

namespace Dtt.Bench;

/// <summary>Nodes with GPUs and without processes: their agents keep the books of their devices, and say yes to all else.</summary>
internal sealed class FakeNodes : INodeAgents
{
    private readonly Dictionary<NodeRef, INodeAgent> _agents;

    public FakeNodes(int nodes, int gpus)
    {
        _agents = Enumerable.Range(0, nodes).Select(n => new NodeRef($"node{n:00}", $"silo{n}")).ToDictionary(n => n, _ => Agent.WithGpus(gpus));
        Here = _agents.Keys.First();
    }

    public NodeRef Here { get; }

    public IReadOnlyList<NodeRef> Alive() => [.. _agents.Keys];

    public Task<IReadOnlyList<NodeLife>> KnownAsync() => Task.FromResult<IReadOnlyList<NodeLife>>(
        [.. _agents.Keys.Select(n => new NodeLife(n, "127.0.0.1", NodeState.Alive, DateTimeOffset.UnixEpoch))]);

    public Task<bool> IsDeadAsync(NodeRef node) => Task.FromResult(false);

    public Task ConfirmAsync() => Task.CompletedTask;

    public INodeAgent At(NodeRef node) => _agents[node];

    /// <summary>The verbs; a proxy, for only a few of them matter here.</summary>
    public class Agent : DispatchProxy
    {
        private DeviceTable _devices = null!;

        internal static INodeAgent WithGpus(int count)
        {
            var agent = Create<INodeAgent, Agent>();
            ((Agent)(object)agent)._devices = new DeviceTable([.. Enumerable.Range(0, count).Select(g => $"gpu:{g}")]);
            return agent;
        }

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
        {
            switch (targetMethod!.Name, args)
            {
                case (nameof(INodeAgent.ReserveAsync), [string run, int attempt, DeviceRequest request]):
                    lock (_devices)
                    {
                        var (devices, reason) = _devices.Reserve(run, attempt, request, DateTimeOffset.UnixEpoch);
                        return Task.FromResult(new ReserveReply(devices, reason));
                    }

                case (nameof(INodeAgent.PrepareFolderAsync), _):
                    return Task.FromResult(true);
                case (nameof(INodeAgent.FindGoneAsync), _):
                    return Task.FromResult(Array.Empty<string>());
                default:
                    return Task.CompletedTask;
            }
        }
    }
}
