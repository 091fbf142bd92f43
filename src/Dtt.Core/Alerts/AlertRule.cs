namespace Dtt.Core.Alerts;

/// <summary>An entry of <c>alerts</c> in <c>platform.yaml</c>: who is told of what.</summary>
public sealed record AlertRule
{
    /// <summary>Where in the file it stands, <c>FILE:LINE</c>: its name in logs, for a webhook's address is a secret.</summary>
    public required string Origin { get; init; }

    /// <summary>The address that gets the alert by POST, or null.</summary>
    public Uri? Webhook { get; init; }

    /// <summary>A program and its arguments, which gets the alert on its standard input; empty for a webhook.</summary>
    public IReadOnlyList<string> Command { get; init; } = [];

    /// <summary>Who is told: the same recipient on another line of a changed file is the same. A secret, as a webhook's address is.</summary>
    public string Recipient => Webhook?.ToString() ?? string.Join('\0', Command);

    /// <summary>Of what.</summary>
    /// <value>Default: everything.</value>
    public IReadOnlySet<AlertKind> On { get; init; } = new HashSet<AlertKind>(Enum.GetValues<AlertKind>());

    /// <summary>How long a run waits before <see cref="AlertKind.Waiting"/>.</summary>
    /// <value>Default: 600 s.</value>
    public TimeSpan WaitingAfter { get; init; } = TimeSpan.FromSeconds(600);
}
