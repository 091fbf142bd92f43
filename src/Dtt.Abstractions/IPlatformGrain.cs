namespace Dtt.Abstractions;

/// <summary>What a client asks of the platform as a whole.</summary>
[Alias("dtt.platform")]
public interface IPlatformGrain : IGrainWithIntegerKey
{
    /// <summary>
    /// All runs whose folders are there, and those that are active, oldest first; what was trained outside of the platform or moved into
    /// <paramref name="runsFolder"/> is adopted first.
    /// </summary>
    [Alias("runs")]
    Task<RunRow[]> RunsAsync(string? runsFolder);

    /// <summary>All dataset jobs.</summary>
    [Alias("datasets")]
    Task<DatasetProgress[]> DatasetsAsync();

    /// <summary>The nodes of the platform by name: those that live, and those that died in the last day.</summary>
    [Alias("nodes")]
    Task<NodeRow[]> NodesAsync();

    /// <summary>Has every node that lives examine itself; one that does not answer in time is at fault for that.</summary>
    [Alias("examine")]
    Task<NodeExam[]> ExamineAsync();

    /// <summary>The silos that live, as the one that the client is connected to has it.</summary>
    [Alias("alive")]
    Task<string[]> AliveAsync();

    /// <summary>What the silo that the client is connected to is doing.</summary>
    [Alias("status")]
    Task<SiloReport> StatusAsync();

    /// <summary>Ends that silo: at once when it is idle, or in any case when forced, then its ranks save and stop first. False: it is busy.</summary>
    [Alias("stop-silo")]
    Task<bool> StopSiloAsync(bool force);
}

/// <summary>What the silo is doing.</summary>
public sealed record SiloReport
{
    /// <summary>The node that it serves.</summary>
    public string Node { get => field ?? ""; init; }

    /// <summary>The address of its ports.</summary>
    public string Address { get => field ?? "127.0.0.1"; init; }

    /// <summary>The Slurm job that it runs in, if any.</summary>
    public string? Job { get; init; }

    /// <summary>Cores that it may use.</summary>
    public int Cores { get; init; }

    /// <summary>Memory that it and its ranks may use.</summary>
    public long TotalMemoryBytes { get; init; }

    /// <summary>Its process.</summary>
    public required int Process { get; init; }

    /// <summary>The build it runs.</summary>
    public required string Build { get; init; }

    /// <summary>When it started.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>Resident memory.</summary>
    public required long MemoryBytes { get; init; }

    /// <summary>Clients connected, this one included.</summary>
    public required int Clients { get; init; }

    /// <summary>What it is busy with, a line each; empty when idle.</summary>
    public required IReadOnlyList<string> Work { get; init; }

    /// <summary>Its devices, a line each: what holds them.</summary>
    public required IReadOnlyList<string> Devices { get; init; }
}

/// <summary>How a node is.</summary>
public enum NodeState
{
    /// <summary>Its silo lives and answers.</summary>
    Alive,

    /// <summary>Its silo is on its way in or out.</summary>
    Changing,

    /// <summary>Its silo counts as living and does not answer.</summary>
    Silent,

    /// <summary>Its silo has ended or was declared dead.</summary>
    Dead,
}

/// <summary>A node of the platform.</summary>
/// <param name="Node">Its name.</param>
/// <param name="Address">Where other nodes reach it.</param>
/// <param name="State">How it is.</param>
/// <param name="LastSeen">When it last answered, or last wrote that it lives.</param>
/// <param name="Report">What its silo is doing; null when that does not answer.</param>
public sealed record NodeRow(string Node, string Address, NodeState State, DateTimeOffset LastSeen, SiloReport? Report);

/// <summary>What was found on a node.</summary>
/// <param name="Node">Its name.</param>
/// <param name="At">Its clock when it began to look.</param>
/// <param name="Checks">What was looked at.</param>
public sealed record NodeExam(string Node, DateTimeOffset At, IReadOnlyList<CheckResult> Checks);

/// <summary>What a check found.</summary>
/// <param name="Check">What was looked at.</param>
/// <param name="Found">What was found; of a fault, what is wrong and what to do.</param>
/// <param name="Fault">Whether something is wrong.</param>
public sealed record CheckResult(string Check, string Found, bool Fault);
