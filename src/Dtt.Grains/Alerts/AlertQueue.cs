using System.Threading.Channels;
using Dtt.Core.Alerts;

namespace Dtt.Grains.Alerts;

/// <summary>
/// The alerts that runs of this silo raise, on their way to whoever delivers them. Raising one never waits; when too many wait the oldest are dropped.
/// </summary>
public sealed class AlertQueue
{
    private const int Capacity = 256;
    private readonly Channel<(AlertRule Rule, Alert Alert)> _waiting;
    private volatile IReadOnlyList<AlertRule> _rules = [];
    private int _dropped;

    /// <summary>An empty queue.</summary>
    public AlertQueue() => _waiting = Channel.CreateBounded<(AlertRule, Alert)>(
        new BoundedChannelOptions(Capacity) { FullMode = BoundedChannelFullMode.DropOldest }, _ => Interlocked.Increment(ref _dropped));

    /// <summary>Who is told of what; an alert goes to those that there are when it is raised.</summary>
    public IReadOnlyList<AlertRule> Rules
    {
        get => _rules;
        set => _rules = value;
    }

    /// <summary>Alerts that were dropped since this was asked last.</summary>
    public int TakeDropped() => Interlocked.Exchange(ref _dropped, 0);

    /// <summary>Raises an alert.</summary>
    public void Raise(Alert alert)
    {
        foreach (var rule in _rules.Where(r => r.On.Contains(alert.Kind))) _ = _waiting.Writer.TryWrite((rule, alert));
    }

    /// <summary>A run waits: those whose time has come, and who do not know it, are told.</summary>
    /// <param name="alert">What they are told.</param>
    /// <param name="waited">How long it has waited.</param>
    /// <param name="told">Who was told already (<see cref="AlertRule.Recipient"/>), and is from now on.</param>
    public void RaiseWaiting(Alert alert, TimeSpan waited, ISet<string> told)
    {
        foreach (var rule in _rules.Where(r => r.On.Contains(AlertKind.Waiting) && r.WaitingAfter <= waited && told.Add(r.Recipient)))
            _ = _waiting.Writer.TryWrite((rule, alert));
    }

    /// <summary>From here on no alert is raised any more.</summary>
    public void Complete() => _waiting.Writer.TryComplete();

    /// <summary>The alerts that still wait.</summary>
    public IEnumerable<(AlertRule Rule, Alert Alert)> TakeRest()
    {
        while (_waiting.Reader.TryRead(out var next)) yield return next;
    }

    /// <summary>The alerts in their order, as they are raised, until there are no more.</summary>
    public IAsyncEnumerable<(AlertRule Rule, Alert Alert)> ReadAsync(CancellationToken cancellation) => _waiting.Reader.ReadAllAsync(cancellation);
}
