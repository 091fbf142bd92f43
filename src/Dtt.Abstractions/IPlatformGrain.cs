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

    /// <summary>What the silo is doing.</summary>
    [Alias("status")]
    Task<SiloReport> StatusAsync();

    /// <summary>Ends the silo: at once when it is idle, or in any case when forced, then its ranks save and stop first. False: it is busy.</summary>
    [Alias("stop-silo")]
    Task<bool> StopSiloAsync(bool force);
}

/// <summary>What the silo is doing.</summary>
public sealed record SiloReport
{
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
