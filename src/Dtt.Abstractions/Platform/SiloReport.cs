namespace Dtt.Abstractions.Platform;

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
