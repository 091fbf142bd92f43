using System.Reflection;
using Dtt.Abstractions;
using Dtt.Core.Runs;
using Dtt.Grains.Agents;
using Dtt.Grains.Devices;

namespace Dtt.Grains.Tests.Platform;

/// <summary>The one agent of a platform without processes: real devices, and a note of what it was asked.</summary>
internal sealed class FakeAgents : INodeAgents
{
    private readonly Lock _gate = new();
    private readonly List<string> _calls = [];
    private readonly DeviceTable _devices;
    private readonly INodeAgent _agent;

    public FakeAgents(IReadOnlyList<string> devices)
    {
        _devices = new DeviceTable(devices);
        _agent = DispatchProxy.Create<INodeAgent, Agent>();
        ((Agent)_agent).Owner = this;
    }

    public NodeRef Here { get; } = new("node", "silo");

    /// <summary>Fails the next call of a verb.</summary>
    public (string Verb, Exception Failure)? Fail { get; set; }

    /// <summary>What lies in the folder of whoever looks for a run there; found once.</summary>
    public Adoption? Orphan { get; set; }

    /// <summary>The copy of a run's state in its folder.</summary>
    public DurableRun? Kept { get; private set; }

    /// <summary>Hears that a dataset has work.</summary>
    public Action<string>? OnWork { get; set; }

    public IReadOnlyList<NodeRef> Alive() => [Here];

    public Task<IReadOnlyList<NodeLife>> KnownAsync() => Task.FromResult<IReadOnlyList<NodeLife>>(
        [.. Alive().Select(n => new NodeLife(n, "127.0.0.1", NodeState.Alive, DateTimeOffset.UnixEpoch))]);

    /// <summary>Silos that are dead.</summary>
    public HashSet<string> Dead { get; } = [];

    public Task<bool> IsDeadAsync(NodeRef node) => Task.FromResult(Dead.Contains(node.Silo));

    /// <summary>Why this silo is not known to be one of the platform's, or null.</summary>
    public IOException? Unconfirmed { get; set; }

    public Task ConfirmAsync() => Unconfirmed is { } why ? Task.FromException(why) : Task.CompletedTask;

    public INodeAgent At(NodeRef node) => _agent;

    /// <summary>Whether the agent was asked: <c>LaunchAsync RUN ATTEMPT</c>.</summary>
    public bool Heard(string call) => Count(call) > 0;

    /// <summary>How often it was.</summary>
    public int Count(string call)
    {
        lock (_gate) return _calls.Count(c => c == call);
    }

    /// <summary>Takes a device away from the queue's runs, or gives it back.</summary>
    public void Hold(string device, string run, bool held)
    {
        lock (_gate)
        {
            if (held) _ = _devices.Hold([device], run, 1, DateTimeOffset.MinValue);
            else _devices.Release(run, 1);
        }
    }

    /// <summary>Who has a device.</summary>
    public string? HolderOf(string device)
    {
        lock (_gate) return _devices.List(DateTimeOffset.MinValue).Single(d => d.Device == device).Run;
    }

    private object? Answer(MethodInfo verb, object?[] arguments)
    {
        lock (_gate)
        {
            _calls.Add(arguments switch
            {
                [LaunchRequest launch] => $"{verb.Name} {launch.Spec.RunFolder} {launch.Spec.Attempt}",
                [string run, int attempt, ..] => $"{verb.Name} {run} {attempt}",
                _ => verb.Name,
            });
            if (Fail is { } fail && fail.Verb == verb.Name)
            {
                Fail = null;
                throw fail.Failure;
            }

            switch (verb.Name, arguments)
            {
                case (nameof(INodeAgent.ReserveAsync), [string run, int attempt, DeviceRequest request]):
                    var (devices, reason) = _devices.Reserve(run, attempt, request, DateTimeOffset.MinValue);
                    return Task.FromResult(new ReserveReply(devices, reason, _devices.Gpus));
                case (nameof(INodeAgent.ReleaseAsync), [string run, int attempt]):
                    _devices.Release(run, attempt);
                    break;
                case (nameof(INodeAgent.PrepareFolderAsync), _):
                    return Task.FromResult(true);
                case (nameof(INodeAgent.ReadOrphanAsync), _):
                    var orphan = Orphan;
                    Orphan = null;
                    return Task.FromResult(orphan);
                case (nameof(INodeAgent.KeepStateAsync), [_, DurableRun kept]):
                    Kept = kept;
                    break;
                case (nameof(INodeAgent.FindGoneAsync), _):
                    return Task.FromResult(Array.Empty<string>());
                case (nameof(INodeAgent.WorkAvailableAsync), [string dataset]):
                    OnWork?.Invoke(dataset);
                    break;
            }

            return verb.ReturnType == typeof(Task) ? Task.CompletedTask : throw new NotSupportedException(verb.Name);
        }
    }

    /// <summary>The verbs; a proxy, for only a few of them matter here.</summary>
    public class Agent : DispatchProxy
    {
        internal FakeAgents Owner { get; set; } = null!;

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => Owner.Answer(targetMethod!, args!);
    }
}
