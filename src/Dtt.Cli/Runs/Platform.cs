using Dtt.Client;

namespace Dtt.Cli.Runs;

/// <summary>The platform as commands reach it.</summary>
internal static class Platform
{
    /// <summary>Connects, starting a silo when there is none; notes go to stderr.</summary>
    public static Task<PlatformClient> ConnectAsync(CancellationToken cancellation = default) =>
        PlatformClient.ConnectAsync(Console.Error.WriteLine, cancellation);
}
