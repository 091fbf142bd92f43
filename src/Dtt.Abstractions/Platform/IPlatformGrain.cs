namespace Dtt.Abstractions.Platform;

/// <summary>What a client asks of the platform as a whole.</summary>
[Alias("dtt.platform")]
public interface IPlatformGrain : IGrainWithIntegerKey
{
    /// <summary>All runs, oldest first; those in <paramref name="runsFolder"/> that were trained outside of the platform are taken over first.</summary>
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
