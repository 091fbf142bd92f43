using Dtt.Silo.Ranks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Dtt.Silo.Hosting;

/// <summary>
/// Once the silo is up: what dead silos left is killed, then the runs and datasets that are not at their end are told, so they go on. Only then the silo is
/// announced to clients.
/// </summary>
internal sealed partial class Announcer(OpenWork open, IHostApplicationLifetime host, ILogger<Announcer> log) : IStartupTask
{
    public async Task Execute(CancellationToken cancellationToken)
    {
        foreach (var process in OwnerSweep.Run()) LogSwept(process);
        if (!await open.TryWakeAsync()) _ = open.WakeAsync(host.ApplicationStopping);
    }

    [LoggerMessage(3041, LogLevel.Warning, "killed process {Process}, a rank whose silo is dead")]
    private partial void LogSwept(int process);
}
